"""What stands in the way of billing: the database, the bank's credentials, orders and subscriptions that wait."""

from __future__ import annotations

from echodesk_billing.ports.gateway import Gateway, GatewayError
from echodesk_billing.ports.storage import Storage

MOST_NAMED = 100


class CheckUp:
    """Looks at everything that can be wrong, and says how to fix it."""

    def __init__(self, storage: Storage, gateway: Gateway) -> None:
        self._storage = storage
        self._gateway = gateway

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
        return found
