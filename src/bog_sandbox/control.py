"""The simulation's own calls, under `/sandbox/`."""

from __future__ import annotations

from decimal import Decimal

from aiohttp import web

from bog_sandbox import faults, validation
from bog_sandbox.api import Api
from bog_sandbox.callbacks import Callbacks
from bog_sandbox.clock import Clock
from bog_sandbox.orders import Card, receipt, zoned
from bog_sandbox.payment import Payment
from bog_sandbox.validation import Refused
from bog_sandbox.wire import answer, read_body

SIGNATURES = ("valid", "none", "corrupt")


class Control:
    """Pays, inspects, plans faults and moves time, for tests against the simulation."""

    def __init__(self, api: Api, callbacks: Callbacks, clock: Clock) -> None:
        self._api = api
        self._bank = api.bank
        self._callbacks = callbacks
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes to an application."""
        for method, path, handler in (
            ("POST", "/sandbox/pay", self.pay),
            ("GET", "/sandbox/orders", self.orders),
            ("GET", "/sandbox/calls", self.calls),
            ("GET", "/sandbox/callbacks", self.callbacks),
            ("POST", "/sandbox/callbacks/{n}/resend", self.resend),
            ("POST", "/sandbox/faults", self.break_something),
            ("DELETE", "/sandbox/faults", self.mend),
            ("DELETE", "/sandbox/state", self.forget),
            ("GET", "/sandbox/clock", self.time),
            ("POST", "/sandbox/clock", self.advance),
            ("GET", "/sandbox/public-key", self.public_key),
            ("PUT", "/sandbox/cards/{number}", self.card_outcome),
            ("PUT", "/sandbox/refunds/{id}", self.refund_outcome),
            ("PUT", "/sandbox/disputes/{id}", self.dispute),
        ):
            app.router.add_route(method, path, handler)

    async def pay(self, request: web.Request) -> web.Response:
        """The customer pays without a browser."""
        body = await read_body(request, optional=True)
        order = self._bank.get(str(body.get("order_id", "")))
        card = str(body.get("card", "")).replace(" ", "")
        if not card.isdigit():
            raise Refused(400, "card is required: a card number")
        secure = body.get("three_d_secure", "pass")
        if secure not in ("pass", "fail"):
            raise Refused(400, "three_d_secure must be pass or fail")
        code = body.get("code")
        discount = None if body.get("discount") is None else validation.amount(body["discount"], "discount")
        self._bank.pay(
            order,
            Payment(
                card=Card(number=card, expiry=str(body.get("expiry", "12/30"))),
                code=None if code is None else str(code),
                three_d_secure=secure,
                discount=discount,
            ),
        )
        return answer(200, receipt(order))

    async def orders(self, request: web.Request) -> web.Response:
        """Receipts, oldest first; with `?external_order_id=` only those."""
        return answer(200, self._bank.receipts(request.query.get("external_order_id")))

    async def calls(self, _request: web.Request) -> web.Response:
        """Every API call received, oldest first."""
        return answer(200, self._api.calls)

    async def callbacks(self, request: web.Request) -> web.Response:
        """Every callback, oldest first; with `?order_id=` only those of one order."""
        order_id = request.query.get("order_id")
        chosen = [one for one in self._callbacks.sent if order_id in (None, one.order_id)]
        return answer(200, [callback.as_json() for callback in chosen])

    async def resend(self, request: web.Request) -> web.Response:
        """Deliver a callback once more; answers after delivery."""
        number = request.match_info["n"]
        found = [callback for callback in self._callbacks.sent if str(callback.n) == number]
        if not found:
            raise Refused(404, f"there is no callback {number}")
        kind = (await read_body(request, optional=True)).get("signature", "valid")
        if kind not in SIGNATURES:
            raise Refused(400, f"signature must be one of {', '.join(SIGNATURES)}")
        await self._callbacks.resend(found[0], kind)
        return answer(200, found[0].as_json())

    async def break_something(self, request: web.Request) -> web.Response:
        """Plan a fault."""
        fault = faults.read(await read_body(request, optional=True))
        self._api.faults.add(fault)
        return answer(201, {"path": fault.path, "kind": fault.kind, "times": fault.times})

    async def mend(self, _request: web.Request) -> web.Response:
        """Remove all planned faults."""
        self._api.faults.clear()
        return web.Response(status=204)

    async def forget(self, _request: web.Request) -> web.Response:
        """Delete orders, calls, callbacks, faults and scheduled work; the key and the time stay."""
        self._clock.forget()
        self._bank.forget()
        self._api.forget()
        self._api.faults.clear()
        self._callbacks.forget()
        return web.Response(status=204)

    async def time(self, _request: web.Request) -> web.Response:
        """The time of the simulation."""
        return answer(200, {"now": zoned(self._clock.now())})

    async def advance(self, request: web.Request) -> web.Response:
        """Advance the time."""
        seconds = (await read_body(request, optional=True)).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | Decimal) or not 0 <= seconds <= 10**9:
            raise Refused(400, "advance must be a number of seconds, zero or more")
        return answer(200, {"now": zoned(self._clock.advance(float(seconds)))})

    async def public_key(self, _request: web.Request) -> web.Response:
        """The public key that verifies callbacks."""
        return web.Response(text=self._callbacks.signer.public_pem, content_type="application/x-pem-file")

    async def card_outcome(self, request: web.Request) -> web.Response:
        """End every payment with a card with a response code, until `code` is null."""
        number, code = request.match_info["number"], (await read_body(request, optional=True)).get("code")
        if code is None:
            self._bank.card_codes.pop(number, None)
        else:
            self._bank.card_codes[number] = str(code)
        return web.Response(status=204)

    async def refund_outcome(self, request: web.Request) -> web.Response:
        """Fail the next refund of an order with a code."""
        order = self._bank.get(request.match_info["id"])
        self._bank.refund_codes[order.id] = str((await read_body(request, optional=True)).get("code", "162"))
        return web.Response(status=204)

    async def dispute(self, request: web.Request) -> web.Response:
        """The holder of the card disputes a paid order."""
        self._bank.dispute(self._bank.get(request.match_info["id"]))
        return web.Response(status=204)
