"""`python -m docs.generate`: writes into the docs what they take from the code; `--check` only looks."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from echodesk_billing._version import __version__
from echodesk_billing.domain.orders.lifecycle import ORDER_TRANSITIONS
from echodesk_billing.domain.orders.response_codes import RESPONSE_CODES
from echodesk_billing.domain.state_machine import mermaid
from echodesk_billing.domain.subscriptions.lifecycle import SUBSCRIPTION_TRANSITIONS
from echodesk_billing.entrypoints.http import openapi
from echodesk_billing.entrypoints.http.routes import ROUTES

ROOT = Path(__file__).parent.parent


def _codes() -> str:
    rows = [
        f"| {code.code} | {code.meaning} | {code.english} | {code.georgian} | {code.advice} |"
        for code in sorted(RESPONSE_CODES.values(), key=lambda code: code.code)
    ]
    head = "| Code | Meaning | Customer reads | In Georgian | Advice |\n| --- | --- | --- | --- | --- |"
    return "\n".join([head, *rows])


PARTS = {
    "order-lifecycle": f"```mermaid\n{mermaid(ORDER_TRANSITIONS)}\n```",
    "subscription-lifecycle": f"```mermaid\n{mermaid(SUBSCRIPTION_TRANSITIONS)}\n```",
    "response-codes": _codes(),
}
_MARKED = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _reference() -> str:
    """Every route with its fields, from the OpenAPI document."""
    document = openapi.document(ROUTES, __version__)
    schemas = document["components"]["schemas"]
    lines = [
        "# HTTP reference",
        "",
        "Generated from `/openapi.json`. [HTTP API](http-api.md) explains the conventions.",
    ]
    for tag in document["tags"]:
        lines += ["", f"## {tag['name'].capitalize()}", "", tag["description"]]
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                if tag["name"] in operation["tags"]:
                    lines += ["", *_operation(f"{method.upper()} {path}", operation, schemas)]
    lines += ["", "## Messages of webhooks", "", "See [webhooks](webhooks.md). These are the fields of `data`."]
    for name, message in document["webhooks"].items():
        lines += ["", f"### `{name}`", "", message["post"]["summary"], "", "| Field | Type | |", "| --- | --- | --- |"]
        lines += _fields({"$ref": f"#/components/schemas/Event{name}"}, schemas)
    return "\n".join(lines) + "\n"


def _operation(name: str, operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    scopes = [scope for one in operation.get("security", []) for scopes in one.values() for scope in scopes]
    lines = [
        f"### `{name}`",
        "",
        f"{operation['summary']}. Scope: {', '.join(f'`{one}`' for one in scopes) or 'public'}.",
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    success = next(response for status, response in operation["responses"].items() if status.startswith("2"))
    answer = next(iter(success["content"].values()))["schema"]
    for title, schema in (("Request", body), ("Response", answer)):
        if rows := _fields(schema, schemas):
            lines += ["", f"{title}:", "", "| Field | Type | |", "| --- | --- | --- |", *rows]
    return lines


def _fields(schema: dict[str, Any] | None, schemas: dict[str, Any]) -> list[str]:
    if schema is None:
        return []
    if "items" in schema:
        schema = schema["items"]
    fields = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    required = fields.get("required", [])
    return [
        f"| `{name}` | {_type(one)} | {'' if name in required else 'optional'} |"
        for name, one in fields.get("properties", {}).items()
    ]


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"`{schema['$ref'].rpartition('/')[2]}`"
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items') or {})}"
    if "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema["enum"])
    return str(schema.get("format") or schema.get("type") or "any")


WHOLE = {ROOT / "docs/http-reference.md": _reference()}


def _pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _fresh(text: str) -> str:
    return _MARKED.sub(lambda found: f"{found[1]}{PARTS[found[2]]}\n{found[3]}", text)


def stale() -> list[str]:
    """The pages whose generated parts are not what the code says."""
    parts = [page for page in _pages() if page not in WHOLE and _fresh(page.read_text()) != page.read_text()]
    whole = [page for page, text in WHOLE.items() if not page.exists() or page.read_text() != text]
    return [str(page.relative_to(ROOT)) for page in (*parts, *whole)]


def main() -> None:
    """Write, or check."""
    pages = stale()
    if "--check" in sys.argv:
        sys.exit(f"stale, run make docs: {', '.join(pages)}" if pages else 0)
    for page in pages:
        path = ROOT / page
        path.write_text(WHOLE.get(path) or _fresh(path.read_text()))
        print(f"wrote {page}")


if __name__ == "__main__":
    main()
