"""`python -m bog_sandbox`: the simulated bank on a port."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import web

from bog_sandbox.app import SandboxSettings, build_app
from bog_sandbox.callbacks import RETRY_SECONDS


def main(arguments: list[str] | None = None) -> None:
    """Serve until stopped."""
    parser = argparse.ArgumentParser(prog="bog-sandbox", description="A simulated Bank of Georgia.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "8081")))
    parser.add_argument("--client-id", default=os.environ.get("BOG_CLIENT_ID") or "demo")
    parser.add_argument("--client-secret", default=os.environ.get("BOG_CLIENT_SECRET") or "demo")
    parser.add_argument("--seed", type=int, help="of the ids, to repeat a run")
    parser.add_argument("--token-seconds", type=int, default=3600, help="how long a token lasts")
    parser.add_argument(
        "--retry-seconds",
        default=",".join(f"{seconds:g}" for seconds in RETRY_SECONDS),
        help="pauses between attempts to deliver a callback, with commas",
    )
    parser.add_argument("--state", type=Path, help="a file in which orders, answers, key and time outlive a restart")
    parser.add_argument("--key-file", type=Path, help="write the public key of callbacks here, as PEM")
    parser.add_argument(
        "--test-environment",
        action="store_true",
        help="answer 501 to the saved-card calls, as the bank's test environment does",
    )
    parser.add_argument(
        "--gross", action="store_true", help="go on stating what was paid after refunds, instead of what is left of it"
    )
    parser.add_argument("--strict-amounts", action="store_true", help="refuse orders with amounts in strings")
    parser.add_argument("--public-url", default=None, type=_address, help="begins links to the API")
    parser.add_argument("--payment-url", default=None, type=_address, help="begins links to the payment page")
    chosen = parser.parse_args(arguments)
    try:
        retry_seconds = [float(part) for part in chosen.retry_seconds.split(",") if part]
    except ValueError:
        parser.error("--retry-seconds takes numbers with commas, such as 15,15,15,15")
    settings = SandboxSettings(
        client_id=chosen.client_id,
        client_secret=chosen.client_secret,
        token_seconds=chosen.token_seconds,
        seed=chosen.seed,
        retry_seconds=retry_seconds,
        state=chosen.state,
        key_file=chosen.key_file,
        cards_enabled=not chosen.test_environment,
        gross=chosen.gross,
        strict_amounts=chosen.strict_amounts,
        public_url=chosen.public_url or "",
        payment_url=chosen.payment_url or "",
    )
    try:
        web.run_app(
            build_app(settings), host=chosen.host, port=chosen.port, print=None, access_log=None, shutdown_timeout=1
        )
    except OSError as error:
        parser.error(f"--host {chosen.host} --port {chosen.port}: cannot listen there: {error.strerror or error}")


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise argparse.ArgumentTypeError(f"{text!r} is not an http address")
    return text.rstrip("/")


if __name__ == "__main__":
    main()
