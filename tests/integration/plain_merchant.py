"""A merchant's client in plain Python, written from the bank's documentation alone.

It shares nothing with the product or the simulated bank, so that a mistake of theirs about the bank is not made here
again. Its bodies are the documentation's own examples, with the habits of clients that are live: amounts as strings,
an empty PHP array, no body at all.
"""

from __future__ import annotations

import base64
import http.client
import json
import threading
import time
import urllib.parse
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

NOTHING = object()


class PlainMerchant:
    """Calls one bank, and hears its callbacks on a port of its own."""

    def __init__(self, bank: str, client_id: str, client_secret: str) -> None:
        self.host = urllib.parse.urlsplit(bank).netloc
        self.credentials = (client_id, client_secret)
        self.token = ""
        self.heard: list[dict[str, Any]] = []
        self._arrived = threading.Condition()
        self._key = load_pem_public_key(self.raw("GET", "/sandbox/public-key")[1])
        self._server = self._listen()
        self.callback_url = f"http://127.0.0.1:{self._server.server_port}/callback"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def raw(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, timeout=10)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def sign_in(self, *, in_form: bool = False) -> dict[str, Any]:
        user, password = self.credentials
        form = {"grant_type": "client_credentials"}
        headers = {"Content_Type": "application/x-www-form-urlencoded"}
        if in_form:
            form |= {"client_id": user, "client_secret": password}
        else:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        status, raw = self.raw(
            "POST",
            "/auth/realms/bog/protocol/openid-connect/token",
            urllib.parse.urlencode(form).encode(),
            **headers,
        )
        assert status == 200, raw
        answer: dict[str, Any] = json.loads(raw)
        assert answer["token_type"] == "Bearer"
        self.token = answer["access_token"]
        return answer

    def call(self, method: str, path: str, body: Any = NOTHING, **headers: str) -> tuple[int, Any]:
        sent = {"Authorization": f"Bearer {self.token}", "Accept": "application/json", "Accept_Language": "ka"}
        raw = None if body is NOTHING else json.dumps(body).encode()
        if raw is not None:
            sent["Content_Type"] = "application/json"
        status, answer = self.raw(method, f"/payments/v1{path}", raw, **{**sent, **headers})
        return status, json.loads(answer) if answer else None

    def order(self, **changes: Any) -> str:
        """A new order of 100.5 lari, as the documentation's first example."""
        body = {
            "callback_url": self.callback_url,
            "external_order_id": "id123",
            "purchase_units": {
                "currency": "GEL",
                "total_amount": 100.5,
                "basket": [{"quantity": 1, "unit_price": 100.5, "product_id": "product123"}],
            },
            "redirect_urls": {"fail": "https://example.com/fail", "success": "https://example.com/success"},
            **changes,
        }
        status, answer = self.call("POST", "/ecommerce/orders", body, Idempotency_Key=str(uuid.uuid4()))
        assert status in (200, 201), answer
        assert set(answer["_links"]) == {"details", "redirect"}
        return str(answer["id"])

    def receipt(self, order_id: str) -> dict[str, Any]:
        status, answer = self.call("GET", f"/receipt/{order_id}")
        assert status == 200, answer
        _all_amounts_are_strings(answer)
        return dict(answer)

    def pays(self, order_id: str, **more: Any) -> dict[str, Any]:
        """The customer pays on the bank's page."""
        body = json.dumps({"order_id": order_id, "card": "4000000000000001", **more}).encode()
        status, answer = self.raw("POST", "/sandbox/pay", body)
        assert status == 200, answer
        return self.receipt(order_id)

    def wait(self, seconds: float) -> None:
        """The bank's clock goes on."""
        self.raw("POST", "/sandbox/clock", json.dumps({"advance": seconds}).encode())

    def told(self, order_id: str, status: str) -> dict[str, Any]:
        """The signed callback that says that an order has a status."""
        deadline = time.monotonic() + 10
        with self._arrived:
            while time.monotonic() < deadline:
                for one in self.heard:
                    if (one["body"]["order_id"], one["body"]["order_status"]["key"]) == (order_id, status):
                        return one
                self._arrived.wait(1)
        raise AssertionError(f"no callback says that {order_id} is {status}: {self.heard}")

    def _listen(self) -> ThreadingHTTPServer:
        merchant = self

        class Callbacks(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                signature = base64.b64decode(self.headers["Callback-Signature"])
                merchant._key.verify(signature, raw, PKCS1v15(), SHA256())  # type: ignore[union-attr, call-arg, arg-type]
                document = json.loads(raw)
                assert document["event"] == "order_payment"
                with merchant._arrived:
                    merchant.heard.append(document)
                    merchant._arrived.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Callbacks)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


def _all_amounts_are_strings(node: Any) -> None:
    """Whether every amount in a receipt is a string that is not padded, or null."""
    for name, value in node.items() if isinstance(node, dict) else ():
        if name.endswith(("amount", "_price", "quantity")) and value is not None:
            assert isinstance(value, str), f"{name} is {value!r}"
            padded = value.endswith("0") and not value.endswith(".0") and name != "quantity"
            assert not padded, f"{name} is padded: {value!r}"
        _all_amounts_are_strings(value)
    for one in node if isinstance(node, list) else ():
        _all_amounts_are_strings(one)
