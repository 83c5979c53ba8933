"""The bank's callback: verified, merged, and answered only when its effect is committed."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import structlog

from echodesk_billing.application.errors import CallbackOrderUnknown, CallbackRefused
from echodesk_billing.application.settled import Outcome, Settled
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankReport
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, GatewayRefused, MalformedCallback, Verdict, require_configured
from echodesk_billing.ports.storage import InboxEntry, Storage

log = structlog.get_logger()

HINT_EVERY = timedelta(seconds=5)
MOST_HINTS = 1000  # orders asked about at a time, in this process


class ReceiveCallback:
    """Accepts a callback as proof or as a hint, or rejects it. Source: docs/bank-calls.md, docs/threat-model.md."""

    def __init__(self, storage: Storage, gateway: Gateway, clock: Clock, settlement: Settlement) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._settlement = settlement
        self._asked: dict[str, datetime] = {}

    async def receive(self, raw_body: bytes, signature: str | None) -> Settled:
        """Merge a callback that is validly signed or confirmed by the bank's receipt.

        Args:
            raw_body: the body exactly as received.
            signature: the header `Callback-Signature`.

        Raises:
            CallbackRefused: the signature is wrong.
            MalformedCallback: the body is not a callback.
            CallbackOrderUnknown: no order matches it.
            GatewayError: a receipt is needed and the bank did not return one.
        """
        verdict = self._gateway.verify(raw_body, signature)
        digest = hashlib.sha256(raw_body).hexdigest()
        if verdict is Verdict.INVALID:
            await self._record(digest, verdict, "refused")
            log.warning("callback.rejected", digest=digest)
            raise CallbackRefused
        try:
            report = self._gateway.read_callback(raw_body)
        except MalformedCallback as error:
            await self._record(digest, verdict, "malformed")
            log.warning("callback.malformed", digest=digest, verdict=verdict, reason=str(error))
            raise
        if not self._gateway.is_ours(report):
            await self._record(digest, verdict, "other merchant")
            log.warning("callback.other_merchant", digest=digest, merchant_id=report.merchant_id)
            raise CallbackOrderUnknown
        log.info("callback.received", digest=digest, verdict=verdict, order_id=report.external_order_id)
        settled = await self._settle(report, digest, verdict)
        if settled.outcome is Outcome.UNKNOWN_ORDER:
            await self._record(digest, verdict, settled.outcome)
            log.warning("callback.unknown_order", digest=digest, order_id=report.external_order_id)
            raise CallbackOrderUnknown
        return settled

    async def _settle(self, report: BankReport, digest: str, verdict: Verdict) -> Settled:
        """Merge a signed callback. Merge the bank's receipt where the signature is missing or not sufficient."""
        entry = InboxEntry(digest=digest, verdict=verdict, outcome="applied", at=await self._clock.now())
        if verdict is Verdict.VALID:
            settled = await self._settlement.apply(report, entry)
            if settled.outcome is not Outcome.UNCONFIRMED:
                return settled
            return await self._confirm(report, settled.order, digest, entry)
        order = await self._storage.read(
            lambda uow: uow.orders.get(report.external_order_id or report.bank_order_id, None)
        )
        if order is not None and order.is_settled:
            return Settled(outcome=Outcome.UNCHANGED, order=order)
        if order is not None and not self._may_ask(order.id, entry.at):
            await self._settlement.look_soon(order.id, entry.at + HINT_EVERY)
            return Settled(outcome=Outcome.UNCHANGED, order=order)
        return await self._confirm(report, order, digest, None)

    async def _confirm(self, report: BankReport, order: Order | None, digest: str, entry: InboxEntry | None) -> Settled:
        """Fetch the receipt of the order named by a callback, if it is one of ours."""
        if order is None:
            return Settled(outcome=Outcome.UNKNOWN_ORDER)
        require_configured(self._gateway)
        try:
            receipt = await self._gateway.receipt(order.bank_order_id or report.bank_order_id, is_hint=True)
        except GatewayRefused as refusal:  # the bank has no such order for us
            if order.bank_order_id == report.bank_order_id:
                raise
            log.warning("callback.unconfirmed", digest=digest, order_id=order.id, reason=str(refusal))
            return Settled(outcome=Outcome.UNKNOWN_ORDER)
        return await self._settlement.apply(receipt, entry)

    def _may_ask(self, order_id: str, now: datetime) -> bool:
        """Whether a hint may cause a call to the bank: limited per order and in total."""
        self._asked = {known: at for known, at in self._asked.items() if timedelta(0) <= now - at < HINT_EVERY}
        if order_id in self._asked or len(self._asked) >= MOST_HINTS:
            return False
        self._asked[order_id] = now
        return True

    async def _record(self, digest: str, verdict: Verdict, outcome: str) -> None:
        entry = InboxEntry(digest=digest, verdict=verdict, outcome=outcome, at=await self._clock.now())
        await self._storage.transact(lambda uow: uow.inbox.record(entry))
