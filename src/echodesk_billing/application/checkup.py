"""What stands in the way of billing: the database, the bank's credentials, orders and subscriptions that wait."""

from __future__ import annotations

from echodesk_billing.application.watching import Watch
from echodesk_billing.domain.notifications.mail import MailState
from echodesk_billing.ports.gateway import Gateway, GatewayError
from echodesk_billing.ports.storage import Storage

MOST_NAMED = 100
MOST_SAID = 5


class CheckUp:
    """Looks at everything that can be wrong, and says how to fix it."""

    def __init__(self, storage: Storage, gateway: Gateway, watch: Watch) -> None:
        self._storage = storage
        self._gateway = gateway
        self._watch = watch

    async def run(self) -> dict[str, str | None]:
        """What is wrong, by what was looked at; None where it is good."""
        found: dict[str, str | None] = {"configuration": None, "database": await self._storage.problem()}
        try:
            await self._gateway.check_credentials()
            found["bank"] = None
        except GatewayError as error:
            found["bank"] = str(error)
        if found["database"] is None:
            waiting = await self._storage.read(lambda uow: uow.orders.needing_attention(MOST_NAMED))
            ids = ", ".join(order.id for order in waiting)
            found["attention"] = f"{len(waiting)} order(s) need attention: {ids}" if waiting else None
            stuck = await self._storage.read(lambda uow: uow.subscriptions.never_due(MOST_NAMED))
            names = ", ".join(stuck)
            found["due"] = f"no worker will process {len(stuck)} subscription(s): {names}" if stuck else None
            found["renewals"] = await self._watch.stalled()
            states = await self._watch.states()
            failing = [f"{one.heartbeat.chore}: {one.heartbeat.problem}" for one in states if one.heartbeat.problem]
            found["chores"] = "; ".join(failing) or None
            found["mails"] = await self._unsent_mails()
            found["webhooks"] = await self._disabled_endpoints()
        return found

    async def _unsent_mails(self) -> str | None:
        unsent = await self._storage.read(
            lambda uow: [
                mail
                for state in (MailState.REFUSED, MailState.GIVEN_UP)
                for mail in uow.mails.listed(None, state, MOST_NAMED)
            ]
        )
        said = ", ".join(f"{mail.kind} of {mail.tenant_id}: {mail.problem}" for mail in unsent[:MOST_SAID])
        return f"{len(unsent)} mail(s) were not delivered: {said}" if unsent else None

    async def _disabled_endpoints(self) -> str | None:
        listed = await self._storage.read(lambda uow: uow.webhooks.listed(None, "", MOST_NAMED))
        failing = [one for one in listed if one.failing_since is not None]
        said = ", ".join(f"{one.id} ({one.url})" for one in failing)
        return f"{len(failing)} webhook endpoint(s) fail: {said}" if failing else None
