"""The data of the memory storage."""

from __future__ import annotations

import copy
from datetime import datetime

from attrs import Factory, define, evolve, frozen

from echodesk_billing.domain.accounting.invoice import CreditNote, Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.accounting.statistics import Counted, Figure
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.customers.registration import Registration
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.notifications.heartbeat import Chore, Heartbeat, Stall
from echodesk_billing.domain.notifications.mail import Mail
from echodesk_billing.domain.notifications.webhook import Delivery, Endpoint
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponUse
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.storage import Answer, InboxEntry, StoredToken


@frozen
class Sent:
    event: Event
    delivered: bool = False
    retry_at: datetime | None = None
    counted: int = 0
    announced: bool = False


@frozen(kw_only=True)
class StoppedAddress:
    bounced_at: datetime | None = None
    unsubscribed_at: datetime | None = None


@define
class Contents:
    """The stored data."""

    orders: dict[str, Order] = Factory(dict)
    history: dict[str, list[Step]] = Factory(dict)
    subscriptions: dict[str, Subscription] = Factory(dict)
    claims: dict[str, datetime] = Factory(dict)
    customers: dict[str, Customer] = Factory(dict)
    cards: list[Card] = Factory(list)
    registrations: dict[str, Registration] = Factory(dict)
    entries: list[Entry] = Factory(list)
    serials: dict[str, int] = Factory(dict)
    invoices: list[Invoice] = Factory(list)
    credit_notes: list[CreditNote] = Factory(list)
    proformas: list[Proforma] = Factory(list)
    coupons: dict[str, Coupon] = Factory(dict)
    coupon_uses: dict[tuple[str, str], CouponUse] = Factory(dict)
    catalogues: list[Catalogue] = Factory(list)
    inbox: list[InboxEntry] = Factory(list)
    outbox: list[Sent] = Factory(list)
    relay: tuple[str, datetime] | None = None
    figures: dict[Figure, int] = Factory(dict)
    counted_customers: dict[str, Counted] = Factory(dict)
    heartbeats: dict[Chore, Heartbeat] = Factory(dict)
    stall: Stall | None = None
    mails: dict[str, Mail] = Factory(dict)
    mail_addresses: dict[tuple[str, str], StoppedAddress] = Factory(dict)
    endpoints: dict[str, Endpoint] = Factory(dict)
    deliveries: list[Delivery] = Factory(list)
    lanes: dict[tuple[str, str], datetime | None] = Factory(dict)
    tokens: dict[str, StoredToken] = Factory(dict)
    answers: dict[tuple[str, str], Answer] = Factory(dict)

    def copy(self) -> Contents:
        """A snapshot: entities are copied, values are shared because they never change."""
        return Contents(
            orders={key: evolve(order, steps=list(order.steps)) for key, order in self.orders.items()},
            history={key: list(steps) for key, steps in self.history.items()},
            subscriptions={key: copy.copy(one) for key, one in self.subscriptions.items()},
            claims=dict(self.claims),
            customers={key: copy.copy(one) for key, one in self.customers.items()},
            cards=[copy.copy(card) for card in self.cards],
            registrations={key: copy.copy(one) for key, one in self.registrations.items()},
            entries=list(self.entries),
            serials=dict(self.serials),
            invoices=list(self.invoices),
            credit_notes=list(self.credit_notes),
            proformas=list(self.proformas),
            coupons=dict(self.coupons),
            coupon_uses=dict(self.coupon_uses),
            catalogues=list(self.catalogues),
            inbox=list(self.inbox),
            outbox=list(self.outbox),
            relay=self.relay,
            figures=dict(self.figures),
            counted_customers=dict(self.counted_customers),
            heartbeats=dict(self.heartbeats),
            stall=self.stall,
            mails={key: copy.copy(one) for key, one in self.mails.items()},
            mail_addresses=dict(self.mail_addresses),
            endpoints={key: copy.copy(one) for key, one in self.endpoints.items()},
            deliveries=[copy.copy(one) for one in self.deliveries],
            lanes=dict(self.lanes),
            tokens=dict(self.tokens),
            answers=dict(self.answers),
        )
