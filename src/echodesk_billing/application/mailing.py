"""Sending mails: each is claimed before it is handed to the server, and settled after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from echodesk_billing.application.links import Links
from echodesk_billing.application.views import Views
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.notifications.mail import SENDING_WITHIN, Mail, MailState
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.mailer import (
    AddressRefused,
    Attachment,
    Letter,
    Mailer,
    MailFailed,
    MailInDoubt,
    MailRefused,
    MailServerAway,
    MailWriter,
)
from echodesk_billing.ports.storage import Storage, UnitOfWork

log = structlog.get_logger()

BATCH = 20
LONGEST_RUN = timedelta(minutes=5)
LONGEST_PROBLEM = 500


class SendMails:
    """Sends mails that are due.

    Args:
        product: what customers know us by, in every mail.
    """

    def __init__(
        self,
        storage: Storage,
        clock: Clock,
        mailer: Mailer,
        writer: MailWriter,
        links: Links,
        views: Views,
        product: str,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._mailer = mailer
        self._writer = writer
        self._links = links
        self._views = views
        self._product = product

    async def run(self) -> int:
        """Send what is due, until there is nothing or `LONGEST_RUN` is over; returns how many mails were sent."""
        sent, began = 0, await self._clock.now()
        while self._mailer.is_configured and await self._clock.now() - began < LONGEST_RUN:
            batch = await self._claim()
            if not batch:
                break
            for number, mail in enumerate(batch):
                try:
                    sent += await self._send(mail)
                except MailServerAway as error:
                    await self._wait_for_server(batch[number:], error)
                    return sent
        return sent

    async def unsubscribe(self, tenant_id: str, address: str) -> None:
        """Send no more reminders to an address. Idempotent."""
        now = await self._clock.now()
        await self._storage.transact(lambda uow: uow.mails.unsubscribe(tenant_id, address, now))
        log.info("mail.unsubscribed", tenant_id=tenant_id)

    async def _claim(self) -> Sequence[Mail]:
        now = await self._clock.now()
        due_at = await self._storage.read(lambda uow: uow.mails.waiting_since())
        if due_at is None or due_at > now:
            return []

        def work(uow: UnitOfWork) -> list[Mail]:
            claimed = []
            for mail in uow.mails.claim(now, BATCH):
                if mail.state is MailState.SENDING:
                    log.warning("mail.in_doubt", mail_id=mail.id, tenant_id=mail.tenant_id)
                if mail.begin(now):
                    claimed.append(mail)
                uow.mails.save(mail)
            return claimed

        return await self._storage.transact(work)

    async def _send(self, mail: Mail) -> bool:
        """Send one mail and settle it; returns whether the server has taken it."""
        if not await self._is_ours(mail):
            return False
        try:
            await self._mailer.send(await self._letter(mail))
        except MailServerAway:
            raise
        except MailFailed as error:
            await self._failed(mail, error)
            return False
        await self._settle(mail, lambda one, now: one.sent(now))
        log.info("mail.sent", mail_id=mail.id, kind=mail.kind, tenant_id=mail.tenant_id)
        return True

    async def _is_ours(self, mail: Mail) -> bool:
        """Whether the claim still holds: a process that was held up for long must not send what another has sent."""
        now = await self._clock.now()
        current = await self._storage.read(lambda uow: uow.mails.get(mail.id))
        is_same = current is not None and (current.state, current.due_at) == (MailState.SENDING, mail.due_at)
        return is_same and mail.due_at is not None and now < mail.due_at - SENDING_WITHIN / 3

    async def _failed(self, mail: Mail, error: MailFailed) -> None:
        reason = _short(error)
        said = {"mail_id": mail.id, "tenant_id": mail.tenant_id, "reason": reason}
        match error:
            case AddressRefused():
                await self._settle(mail, lambda one, _: one.refused(reason), bounces=reason)
                log.warning("mail.bounced", **said)
            case MailRefused():
                await self._settle(mail, lambda one, _: one.refused(reason))
                log.error("mail.refused", **said)
            case MailInDoubt():
                await self._settle(mail, lambda one, now: one.in_doubt(reason, now))
                log.warning("mail.in_doubt", **said)
            case _:
                await self._settle(mail, lambda one, now: one.postponed(reason, now))
                log.warning("mail.postponed", **said)

    async def _settle(self, mail: Mail, settle: Callable[[Mail, datetime], None], *, bounces: str = "") -> None:
        now = await self._clock.now()

        def work(uow: UnitOfWork) -> None:
            current = uow.mails.lock(mail.id)
            if current is None or current.state is not MailState.SENDING:
                return
            settle(current, now)
            uow.mails.save(current)
            if bounces:
                uow.mails.stop(mail.tenant_id, mail.address, now, bounces)

        await self._storage.transact(work)

    async def _wait_for_server(self, mails: Sequence[Mail], error: MailServerAway) -> None:
        reason = _short(error)
        log.error("mail.server_away", mails=len(mails), reason=reason)
        for mail in mails:
            await self._settle(mail, lambda one, now: one.not_sent(reason, now))

    async def _letter(self, mail: Mail) -> Letter:
        now = await self._clock.now()
        facts = {**mail.facts, "product": self._product}
        if not mail.kind.is_for_operators:
            facts["portal_url"] = self._links.portal(mail.tenant_id, f"mail to {mail.address}", now)
        if "debt" in mail.facts:
            facts["pay_url"] = self._links.pay(mail.tenant_id, mail.facts["debt"])
        unsubscribe = self._links.unsubscribe(mail.tenant_id, mail.address) if mail.kind.is_optional else ""
        if unsubscribe:
            facts["unsubscribe_url"] = unsubscribe
        return Letter(
            message_id=mail.id,
            to=mail.address,
            language=mail.language,
            written=self._writer.write(mail.kind, mail.language, facts),
            attachments=await self._attachments(mail),
            unsubscribe_url=unsubscribe,
        )

    async def _attachments(self, mail: Mail) -> Sequence[Attachment]:
        """The invoice or credit note as a PDF; none where it cannot be printed."""
        who = Principal(tenant_id=mail.tenant_id, tenant_name="", user_id="worker", scopes=frozenset({Scope.READ}))
        invoice_id, note_id = mail.facts.get("invoice_id"), mail.facts.get("credit_note_id")
        if not self._views.prints_invoices or not (invoice_id or note_id):
            return []
        language = mail.language if mail.language in ("ka", "en") else "en"
        try:
            if invoice_id:
                document, pdf = await self._views.invoice_pdf(who, int(invoice_id), language)
            else:
                document, pdf = await self._views.credit_note_pdf(who, int(note_id or 0), language)
        except BillingError as error:
            log.error("mail.without_attachment", mail_id=mail.id, tenant_id=mail.tenant_id, reason=str(error))
            return []
        return [Attachment(name=f"{document.number}.pdf", content=pdf)]


def _short(error: Exception) -> str:
    return str(error)[:LONGEST_PROBLEM]
