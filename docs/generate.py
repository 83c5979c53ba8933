"""`python -m docs.generate`: writes into the docs what they take from the code; `--check` only looks."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from echodesk_billing.domain.orders.lifecycle import ORDER_TRANSITIONS
from echodesk_billing.domain.orders.response_codes import RESPONSE_CODES
from echodesk_billing.domain.state_machine import mermaid
from echodesk_billing.domain.subscriptions.lifecycle import SUBSCRIPTION_TRANSITIONS

ROOT = Path(__file__).parent.parent


def _codes() -> str:
    rows = [
        f"| {code.code} | {code.meaning} | {code.english} | {code.georgian} | {code.advice} |"
        for code in sorted(RESPONSE_CODES.values(), key=lambda code: code.code)
    ]
    head = "| code | meaning | customer reads | in Georgian | try again |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


PARTS = {
    "order-lifecycle": f"```mermaid\n{mermaid(ORDER_TRANSITIONS)}\n```",
    "subscription-lifecycle": f"```mermaid\n{mermaid(SUBSCRIPTION_TRANSITIONS)}\n```",
    "response-codes": _codes(),
}
_MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _fresh(text: str) -> str:
    return _MARKED.sub(lambda found: f"{found[1]}{PARTS[found[2]]}\n{found[3]}", text)


def stale() -> list[str]:
    """The pages whose generated parts are not what the code says."""
    return [str(page.relative_to(ROOT)) for page in _pages() if _fresh(page.read_text()) != page.read_text()]


def main() -> None:
    """Write, or check."""
    pages = stale()
    if "--check" in sys.argv:
        sys.exit(f"stale, run make docs: {', '.join(pages)}" if pages else 0)
    for page in pages:
        path = ROOT / page
        path.write_text(_fresh(path.read_text()))
        print(f"wrote {page}")


if __name__ == "__main__":
    main()
