"""The bank's API as documented."""

from __future__ import annotations

import base64
import binascii
import json
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from aiohttp import web
from attrs import define, field

from bog_sandbox import validation
from bog_sandbox.bank import Bank
from bog_sandbox.clock import Clock
from bog_sandbox.fault_effects import after, hang_up
from bog_sandbox.faults import Fault, Faults
from bog_sandbox.orders import Card, Json, Order, receipt
from bog_sandbox.payment import Payment
from bog_sandbox.store import Store
from bog_sandbox.validation import Refused
from bog_sandbox.wire import answer, read_body

TOKEN_PATH = "/auth/realms/bog/protocol/openid-connect/token"  # noqa: S105 - a path
API = "/payments/v1"
CHANGING = ("POST", "PUT", "DELETE")
MOST_CALLS = 100_000
LANGUAGES = ("ka", "en")
_GOOGLE_CARD = Card(number="4000000000000001", method="google_pay")
_APPLE_CARD = Card(number="4000000000000001", method="apple_pay")


@define(kw_only=True)
class Credentials:
    """Which credentials are accepted, and how long a token lasts."""

    client_id: str
    client_secret: str
    token_seconds: int


@define(kw_only=True)
class Addresses:
    """Base URLs of links, where they differ from the URL that was called.

    Args:
        public: base URL of links to the API; the called URL where empty.
        pages: base URL of links to the payment page; the called URL where empty.
    """

    public: str = ""
    pages: str = ""


@define(kw_only=True)
class Answered:
    """An answer kept under an idempotency key."""

    status: int
    body: bytes


@define
class Api:
    """The API's calls, with tokens, idempotency keys and a record of every call."""

    bank: Bank
    clock: Clock
    faults: Faults
    credentials: Credentials
    store: Store
    addresses: Addresses
    calls: list[Json] = field(factory=list)
    _tokens: dict[str, datetime] = field(factory=dict)

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        app.router.add_post(TOKEN_PATH, self._recorded(self.token))
        for method, path, handler in (
            ("POST", "/ecommerce/orders", self.create),
            ("POST", "/ecommerce/orders/{id}", self.create_with_saved_card),
            ("POST", "/ecommerce/orders/{id}/payment", self.complete_apple_pay),
            ("POST", "/ecommerce/orders/{id}/subscribe", self.subscribe),
            ("GET", "/receipt/{id}", self.receipt),
            ("POST", "/payment/refund/{id}", self.refund),
            ("POST", "/payment/authorization/approve/{id}", self.approve),
            ("POST", "/payment/authorization/cancel/{id}", self.release),
            ("PUT", "/orders/{id}/cards", self.save_recurrent),
            ("PUT", "/orders/{id}/subscriptions", self.save_subscription),
            ("DELETE", "/charges/card/{id}", self.forget_card),
        ):
            app.router.add_route(method, API + path, self._recorded(self._authorised(self._once(handler))))

    def forget(self) -> None:
        """Delete recorded calls and stored answers; tokens stay valid."""
        self.calls.clear()
        self.store.forget("answer")

    async def token(self, request: web.Request) -> web.Response:
        """`POST …/token`, as a Keycloak server answers it."""
        form = await request.post()
        if form.get("grant_type") != "client_credentials":
            return answer(400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"})
        in_form = (str(form.get("client_id", "")), str(form.get("client_secret", "")))
        if (_basic(request) or in_form) != (self.credentials.client_id, self.credentials.client_secret):
            return answer(
                401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}
            )
        token = _jwt()
        self._tokens[token] = self.clock.now() + timedelta(seconds=self.credentials.token_seconds)
        return answer(
            200,
            {
                "access_token": token,
                "expires_in": self.credentials.token_seconds,
                "refresh_expires_in": 0,
                "token_type": "Bearer",
                "not-before-policy": 0,
                "scope": "profile email",
            },
        )

    async def create(self, request: web.Request) -> web.Response:
        """`POST /ecommerce/orders`."""
        body = await read_body(request)
        order = self.bank.create(body, _language(request))
        config = body.get("config") or {}
        google, apple = config.get("google_pay") or {}, config.get("apple_pay") or {}
        if google.get("external"):
            return self._google(request, order, google)
        if apple.get("external"):
            return answer(200, self._apple(request, order))
        return answer(200, self._created(request, order))

    async def create_with_saved_card(self, request: web.Request) -> web.Response:
        """`POST /ecommerce/orders/{parent}`: the customer is present and finds the card filled in."""
        parent = self.bank.parent(request.match_info["id"], "recurrent")
        if not parent.saved:
            raise Refused(400, f"order_id {parent.id}: the saved card was deleted")
        order = self.bank.create(await read_body(request), _language(request), parent)
        order.option = "recurrent"
        return answer(200, self._created(request, order))

    async def complete_apple_pay(self, request: web.Request) -> web.Response:
        """`POST /ecommerce/orders/{id}/payment`: the second step of Apple Pay on the merchant's own page."""
        order = self.bank.get(request.match_info["id"])
        if not ((order.request.get("config") or {}).get("apple_pay") or {}).get("external"):
            raise Refused(400, f"order_id {order.id} was not started for Apple Pay")
        if not (await read_body(request)).get("apple_pay_token"):
            raise Refused(400, "apple_pay_token is required")
        self.bank.pay(order, Payment(card=_APPLE_CARD))
        return answer(200, self._done(request, order))

    async def subscribe(self, request: web.Request) -> web.Response:
        """`POST /ecommerce/orders/{parent}/subscribe`: an automatic charge of the parent's amount."""
        parent = self.bank.parent(request.match_info["id"], "subscription")
        order = self.bank.subscribe(parent, await read_body(request, optional=True))
        return answer(200, {"id": order.id, "_links": self._details(request, order)})

    async def receipt(self, request: web.Request) -> web.Response:
        """`GET /receipt/{id}`."""
        return answer(200, receipt(self.bank.look_up(request.match_info["id"])))

    async def refund(self, request: web.Request) -> web.Response:
        """`POST /payment/refund/{id}`."""
        order = self.bank.get(request.match_info["id"])
        action_id = self.bank.refund(order, _amount(await read_body(request, optional=True)))
        return _received(action_id, "Refund request received")

    async def approve(self, request: web.Request) -> web.Response:
        """`POST /payment/authorization/approve/{id}`."""
        order = self.bank.get(request.match_info["id"])
        action_id = self.bank.approve(order, _amount(await read_body(request, optional=True)))
        return _received(action_id, "Pre-authorization payment approval request received")

    async def release(self, request: web.Request) -> web.Response:
        """`POST /payment/authorization/cancel/{id}`."""
        await read_body(request, optional=True)
        action_id = self.bank.release(self.bank.get(request.match_info["id"]))
        return _received(action_id, "Pre-authorization payment cancellation request received")

    async def save_recurrent(self, request: web.Request) -> web.Response:
        """`PUT /orders/{id}/cards`."""
        self.bank.save_card(self.bank.get(request.match_info["id"]), "recurrent")
        return web.Response(status=202)

    async def save_subscription(self, request: web.Request) -> web.Response:
        """`PUT /orders/{id}/subscriptions`."""
        self.bank.save_card(self.bank.get(request.match_info["id"]), "subscription")
        return web.Response(status=202)

    async def forget_card(self, request: web.Request) -> web.Response:
        """`DELETE /charges/card/{id}`."""
        self.bank.forget_card(self.bank.get(request.match_info["id"]))
        return web.Response(status=202)

    def _google(self, request: web.Request, order: Order, google: Json) -> web.Response:
        """Google Pay on the merchant's own page: paid at once, unless the token asks for 3-D Secure."""
        if "3ds" in google["google_pay_token"].lower():
            order.card = _GOOGLE_CARD
            self.bank.begin_payment(order)
            return answer(200, {**self._created(request, order, "/3ds"), "status": order.status})
        self.bank.pay(order, Payment(card=_GOOGLE_CARD))
        return answer(200, self._done(request, order))

    def _apple(self, request: web.Request, order: Order) -> Json:
        """Apple Pay on the merchant's own page: what the wallet needs to open, and where to send its token."""
        accept = {"href": f"{self._api(request)}/ecommerce/orders/{order.id}/payment"}
        wallet = {
            "merchantIdentifier": "merchant.ge.bog.sandbox",
            "domainName": "shop.example",
            "displayName": "Test shop",
            "nonce": order.id[:8],
            "signature": "not Apple's",
        }
        return {"id": order.id, "result": wallet, "_links": {**self._details(request, order), "accept": accept}}

    def _created(self, request: web.Request, order: Order, page: str = "/") -> Json:
        pages = self.addresses.pages or f"{request.scheme}://{request.host}"
        redirect = {"href": f"{pages}{page}?order_id={order.id}"}
        return {"id": order.id, "_links": {**self._details(request, order), "redirect": redirect}}

    def _done(self, request: web.Request, order: Order) -> Json:
        return {
            "id": order.id,
            "status": order.status,
            "order_details": receipt(order),
            "_links": self._details(request, order),
        }

    def _details(self, request: web.Request, order: Order) -> Json:
        return {"details": {"href": f"{self._api(request)}/receipt/{order.id}"}}

    def _api(self, request: web.Request) -> str:
        """The base URL of the API in links."""
        return (self.addresses.public or f"{request.scheme}://{request.host}") + API

    def _authorised(self, handler: Any) -> Any:
        async def serve(request: web.Request) -> web.Response:
            kind, _, token = request.headers.get("Authorization", "").partition(" ")
            if kind != "Bearer" or self._tokens.get(token, self.clock.now()) <= self.clock.now():
                return answer(401, {"message": "Unauthorized"})
            language = request.headers.get("Accept-Language")
            if language is not None and language not in LANGUAGES:
                return answer(400, {"message": f"Accept-Language must be one of {', '.join(LANGUAGES)}"})
            response: web.Response = await handler(request)
            return response

        return serve

    def _once(self, handler: Any) -> Any:
        """The same key on the same endpoint gives the same answer, refusals included."""

        async def serve(request: web.Request) -> web.Response:
            key = request.headers.get("Idempotency-Key")
            place = f"{request.method} {request.path} {key}"
            kept: Answered | None = self.store.get("answer", place) if key else None
            if kept is not None:
                return web.Response(status=kept.status, body=kept.body, content_type="application/json")
            try:
                response: web.Response = await handler(request)
            except Refused as refused:
                response = answer(refused.status, {"message": refused.message})
            if key and request.method in CHANGING:
                body = response.body if isinstance(response.body, bytes) else b""
                self.store.put("answer", place, Answered(status=response.status, body=body))
            return response

        return serve

    def _recorded(self, handler: Any) -> Any:
        """Record the call and apply the planned fault, if any."""

        async def serve(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            call: Json = {
                "n": len(self.calls) + 1,
                "method": request.method,
                "path": request.path,
                "idempotency_key": request.headers.get("Idempotency-Key"),
                "body": None if request.path == TOKEN_PATH else _plain(raw),
                "answer": None,
            }
            if len(self.calls) < MOST_CALLS:
                self.calls.append(call)
            fault = self.faults.for_call(request.path)
            if fault is not None:
                call["fault"] = fault.kind
            early = self._before(request, fault)
            response = early or await handler(request)
            call["answer"] = {"status": response.status, "body": _shown(request.path, response)}
            return await after(request, response, None if early else fault)

        return serve

    def _before(self, request: web.Request, fault: Fault | None) -> web.Response | None:
        """Faults that happen before the call takes effect."""
        if fault is None:
            return None
        if fault.kind == "drop_before_effect":
            hang_up(request)
            return web.Response(status=499)
        if fault.kind == "status":
            headers = {"Retry-After": "1"} if fault.status == 429 else {}
            page = f"<html><body><h1>{fault.status}</h1></body></html>"
            return web.Response(status=fault.status, text=page, content_type="text/html", headers=headers)
        if fault.kind == "expire_token":
            self._tokens.clear()
        return None


def _amount(body: Json) -> Decimal | None:
    return None if body.get("amount") is None else validation.amount(body["amount"], "amount")


def _received(action_id: str, message: str) -> web.Response:
    return answer(200, {"key": "request_received", "message": message, "action_id": action_id})


def _language(request: web.Request) -> str:
    return request.headers.get("Accept-Language", "ka")


def _basic(request: web.Request) -> tuple[str, str] | None:
    kind, _, encoded = request.headers.get("Authorization", "").partition(" ")
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if kind == "Basic" else None


def _jwt() -> str:
    parts = ({"alg": "RS256", "typ": "JWT"}, {"jti": secrets.token_hex(16), "typ": "Bearer"})
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, secrets.token_urlsafe(48)])


def _plain(raw: bytes) -> Any:
    """A body for the record of calls: as JSON where it parses, else as text."""
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw[:1000].decode("utf-8", "replace")


def _shown(path: str, response: web.Response) -> Any:
    """An answer for the record of calls; a token is not shown."""
    if path == TOKEN_PATH or not isinstance(response.body, bytes):
        return None
    return _plain(response.body)
