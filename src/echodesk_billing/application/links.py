"""Signed links of ours in mails and events: to pay what is owed, to the portal, to unsubscribe.

A link says in encrypted form for whom and for what it was made, so that nobody can make one or turn it to another
customer. Source: docs/portal.md.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import evolve, frozen

from echodesk_billing.application.errors import LinkInvalid
from echodesk_billing.domain.events import Event, PaymentActionRequired
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.storage import UnitOfWork
from echodesk_billing.ports.vault import Vault, VaultClosed

PAY, PORTAL, UNSUBSCRIBE = "pay", "portal", "unsubscribe"
PORTAL_LINK_LIFETIME = timedelta(days=7)


def debt_of(subscription: Subscription) -> str:
    """What a tenant owes, or owes next: another one as soon as a period is paid or the periods are counted anew."""
    anchor = int(subscription.anchor.timestamp()) if subscription.anchor else 0
    return f"{anchor}.{subscription.next_period}"


def lasting(uow: UnitOfWork, links: Links | None, events: Sequence[Event]) -> Sequence[Event]:
    """Events in which the customer is asked to pay with a link of ours, because the bank's page ends in minutes."""
    if links is None or not any(isinstance(event, PaymentActionRequired) for event in events):
        return events
    subscription = uow.subscriptions.get(events[0].tenant_id)
    ours = links.pay(subscription.tenant_id, debt_of(subscription)) if subscription else ""
    return [
        evolve(event, payment_url=ours) if ours and isinstance(event, PaymentActionRequired) else event
        for event in events
    ]


@frozen
class Links:
    """Makes and reads links.

    Args:
        vault: signs and encrypts them; without a key there are none.
        address: public, in front of their paths.
    """

    vault: Vault
    address: str

    def pay(self, tenant_id: str, debt: str) -> str:
        """A link on which a debt can be paid for as long as it is owed; empty without a key."""
        return self._made("/pay/", PAY, tenant_id, debt)

    def portal(self, tenant_id: str, by: str, now: datetime, lifetime: timedelta = PORTAL_LINK_LIFETIME) -> str:
        """A link that opens the portal of a customer; empty without a key.

        Args:
            by: who acts there, for the record.
        """
        return self._made("/portal/enter/", PORTAL, tenant_id, by, str(int((now + lifetime).timestamp())))

    def unsubscribe(self, tenant_id: str, address: str) -> str:
        """A link that ends reminders to an address; empty without a key."""
        return self._made("/mail/unsubscribe/", UNSUBSCRIBE, tenant_id, address)

    def read(self, purpose: str, token: str, parts: int) -> list[str]:
        """What a link was made for.

        Args:
            purpose: `PAY`, `PORTAL` or `UNSUBSCRIBE`.
            parts: how many values it has.

        Raises:
            LinkInvalid: it was not made here, or for another purpose.
        """
        try:
            found = json.loads(self.vault.open(token.encode()))
        except (VaultClosed, ValueError):
            raise LinkInvalid from None
        if not isinstance(found, list) or len(found) != parts + 1 or found[0] != purpose:
            raise LinkInvalid
        return [str(one) for one in found[1:]]

    def _made(self, path: str, *values: str) -> str:
        if not self.vault.is_open:
            return ""
        return self.address + path + self.vault.seal(json.dumps(values).encode()).decode()
