"""The bank's callback: verified, merged, and answered only when its effect is committed."""

from __future__ import annotations

import hashlib

import structlog

from echodesk_billing.application.errors import CallbackOrderUnknown, CallbackRefused
from echodesk_billing.application.settlement import Outcome, Settled, Settlement
from echodesk_billing.domain.report import BankReport
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, MalformedCallback, Verdict, require_configured
from echodesk_billing.ports.storage import InboxEntry, Storage

log = structlog.get_logger()


class ReceiveCallback:
    """Takes a callback as evidence, as a hint, or not at all. Source: domain.md, Trust."""

    def __init__(self, storage: Storage, gateway: Gateway, clock: Clock, settlement: Settlement) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._settlement = settlement

    async def receive(self, raw_body: bytes, signature: str | None) -> Settled:
        """Merge what a callback says, when its signature vouches for it or the bank's receipt confirms it.

        Args:
            raw_body: the very bytes that were received.
            signature: the header `Callback-Signature`.

        Raises:
            CallbackRefused: the signature is wrong.
            MalformedCallback: the body is no callback.
            CallbackOrderUnknown: no order here fits it.
            GatewayError: it needs a receipt, and the bank did not give one.
        """
        verdict = self._gateway.verify(raw_body, signature)
        digest = hashlib.sha256(raw_body).hexdigest()
        if verdict is Verdict.INVALID:
            await self._record(digest, verdict, "refused")
            log.warning("callback.refused", digest=digest)
            raise CallbackRefused
        try:
            report = self._gateway.read_callback(raw_body)
        except MalformedCallback as error:
            await self._record(digest, verdict, "malformed")
            log.warning("callback.malformed", digest=digest, verdict=verdict, reason=str(error))
            raise
        log.info("callback.received", digest=digest, verdict=verdict, order_id=report.external_order_id)
        settled = await self._settle(report, digest, verdict)
        if settled.outcome is Outcome.UNKNOWN_ORDER:
            await self._record(digest, verdict, settled.outcome)
            log.warning("callback.unknown_order", digest=digest, order_id=report.external_order_id)
            raise CallbackOrderUnknown
        return settled

    async def _settle(self, report: BankReport, digest: str, verdict: Verdict) -> Settled:
        """Signed: merge it. Unsigned, or against a rejection: ask the bank, and merge what it answers."""
        entry = InboxEntry(digest=digest, verdict=verdict, outcome="applied", at=await self._clock.now())
        if verdict is Verdict.VALID:
            settled = await self._settlement.apply(report, entry)
            if settled.outcome is not Outcome.UNCONFIRMED:
                return settled
        asked = await self._known_as(report)
        if asked is None:
            return Settled(outcome=Outcome.UNKNOWN_ORDER)
        require_configured(self._gateway)
        receipt = await self._gateway.receipt(asked)
        return await self._settlement.apply(receipt, entry if verdict is Verdict.VALID else None)

    async def _known_as(self, report: BankReport) -> str | None:
        """The bank's id of the order that a report speaks of, if it is an order of ours.

        A hint costs a call to the bank only when it names an order that exists here.
        """
        order = await self._storage.read(
            lambda uow: uow.orders.get(report.external_order_id or report.bank_order_id, None)
        )
        return None if order is None else order.bank_order_id or report.bank_order_id

    async def _record(self, digest: str, verdict: Verdict, outcome: str) -> None:
        entry = InboxEntry(digest=digest, verdict=verdict, outcome=outcome, at=await self._clock.now())
        await self._storage.transact(lambda uow: uow.inbox.record(entry))
