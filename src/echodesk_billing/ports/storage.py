"""What is remembered, and the unit of work in which it changes.

A transaction is a plain function that is given a `UnitOfWork`. It cannot await, so no transaction can be open while
the network is waited for; it may be run again after a deadlock, so it must change nothing but what it is given.
See docs/adr/0003.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from attrs import frozen

from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.registration import Registration
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal

T = TypeVar("T")


class StorageUnavailable(BillingError):
    """The database cannot be reached, is full or is not migrated; the message says which and what to do."""


@frozen(kw_only=True)
class InboxEntry:
    """One callback as it was received.

    Args:
        digest: SHA-256 of the raw body, hexadecimal.
        verdict: what its signature was worth.
        outcome: what became of it.
        order_id: the order it spoke of, where one was found.
    """

    digest: str
    verdict: str
    outcome: str
    at: datetime
    order_id: str | None = None


@frozen(kw_only=True)
class StoredToken:
    """A token as it is kept: the secret itself is not.

    Args:
        prefix: its first characters, to tell tokens apart.
        issued_by: who made it; empty for those of before that was recorded.
        revoked_by: who ended it.
        digest: SHA-256 of the secret, hexadecimal.
        parent: of a session in the console, the digest of the token that opened it; None for an access token.
    """

    prefix: str
    digest: str
    principal: Principal
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    parent: str | None = None
    issued_by: str = ""
    revoked_by: str = ""


@frozen(kw_only=True)
class Answer:
    """An HTTP answer kept under an idempotency key; `status` is 0 while the request is still being worked on.

    Args:
        owner: whose key it is.
        key: as the client sent it.
        identity: UUID v4 of the request: it stays the same however often the request is repeated after an unknown
            outcome, and names the order or refund that it makes.
        request_digest: of method, path and body, to notice another request under the same key.
        created_at: when the key was used first.
        claimed_at: when somebody last began to work on it; None while nobody does.
    """

    owner: str
    key: str
    identity: str
    request_digest: str
    created_at: datetime
    claimed_at: datetime | None = None
    status: int = 0
    content_type: str = ""
    body: bytes = b""


class Orders(Protocol):
    """Orders, with their history."""

    def add(self, order: Order) -> None:
        """Store a new order."""
        ...

    def save(self, order: Order) -> None:
        """Store the changes of an order that was loaded for change."""
        ...

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        """The order with this id, ours or the bank's, if it is the tenant's; of any tenant where that is None."""
        ...

    def by_key(self, idempotency_key: str) -> Order | None:
        """The order with this idempotency key."""
        ...

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        """The order for change: looked up by our id first, then by the bank's."""
        ...

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        """Orders of a tenant that may still be paid, newest first."""
        ...

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        """The automatic charge of a period that is not rejected; there is at most one."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """Unsettled orders whose next check is due, longest due first."""
        ...

    def listed(self, tenant_id: str | None, state: OrderState | None, limit: int) -> Sequence[Order]:
        """Orders, newest first."""
        ...

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        """Orders that last changed in a span of time, by id, those behind `after`."""
        ...

    def needing_attention(self, limit: int) -> Sequence[Order]:
        """Orders marked for a person, newest first."""
        ...

    def count_by_state(self) -> dict[str, int]:
        """How many orders are in each state."""
        ...

    def history(self, order_id: str) -> Sequence[Step]:
        """The steps of an order, oldest first."""
        ...


class Subscriptions(Protocol):
    """Subscriptions, one per tenant."""

    def get(self, tenant_id: str) -> Subscription | None:
        """The subscription of a tenant."""
        ...

    def add(self, subscription: Subscription) -> None:
        """Store a new subscription; nothing happens where the tenant has one."""
        ...

    def lock(self, tenant_id: str) -> Subscription:
        """The subscription of a tenant for change; it was added when the tenant's first order was."""
        ...

    def save(self, subscription: Subscription) -> None:
        """Store the changes of a subscription that was locked."""
        ...

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        """Subscriptions that have something due, longest due first."""
        ...

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        """Tenants whose subscription has something due, for this caller alone until `until`.

        Whoever saves the subscription ends the claim. A claim whose holder died runs out.
        """
        ...

    def count_by_state(self) -> dict[str, int]:
        """How many subscriptions are in each state."""
        ...

    def never_due(self, limit: int) -> Sequence[str]:
        """Tenants whose subscription runs or is about to end, and that nobody will look at; there should be none."""
        ...


class Cards(Protocol):
    """Saved cards."""

    def add(self, card: Card) -> Card:
        """Store a card, unless its order saved one before; returns it with its number."""
        ...

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        """The usable cards of a tenant, the default first, then newest first."""
        ...

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        """The card with this number for change, if it is the tenant's."""
        ...

    def save(self, card: Card) -> None:
        """Store the changes of a card."""
        ...

    def of_order(self, order_id: str) -> Card | None:
        """The card that an order saved."""
        ...

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        """The tenant's card that the bank knows by this parent order."""
        ...

    def last_removed_of(self, tenant_id: str) -> Card | None:
        """The card of a tenant that was removed last."""
        ...

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        """Cards that are removed here, and that the bank is to be asked by now to delete, longest due first."""
        ...

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        """Usable cards whose time for a reminder has come, locked."""
        ...


class Registrations(Protocol):
    """Registrations, one per order."""

    def add(self, registration: Registration) -> None:
        """Store a registration; nothing happens where its order has one."""
        ...

    def get(self, order_id: str) -> Registration | None:
        """The registration that an order pays for."""
        ...

    def lock(self, order_id: str) -> Registration | None:
        """The same for change."""
        ...

    def save(self, registration: Registration) -> None:
        """Store the changes of a registration."""
        ...

    def lock_name(self, schema_name: str) -> None:
        """Let nobody else register this name, or come to life under it, until the transaction ends."""
        ...

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        """Every attempt to register a name."""
        ...

    def erase_payloads(self, before: datetime) -> int:
        """Erase the payloads of registrations older than `before`; returns how many."""
        ...


class Books(Protocol):
    """The journal and the invoices."""

    def post(self, entries: Sequence[Entry]) -> None:
        """Store entries; they are never changed."""
        ...

    def of_order(self, order_id: str) -> Sequence[Entry]:
        """The entries of an order, oldest first."""
        ...

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        """The entries of a tenant, oldest first."""
        ...

    def balance(self, account: str) -> dict[Currency, Money]:
        """What an account holds, per currency: debits less credits."""
        ...

    def next_serial(self, series: str) -> int:
        """The next number of a series, from 1, taken in this transaction: without it there is no gap."""
        ...

    def issue(self, invoice: Invoice) -> None:
        """Store an invoice."""
        ...

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        """The invoice with this number, if it is the tenant's; of any tenant where that is None."""
        ...

    def invoices_of(self, tenant_id: str, limit: int) -> Sequence[Invoice]:
        """The invoices of a tenant, newest first."""
        ...


class Catalogues(Protocol):
    """Versions of the catalogue."""

    def current(self) -> Catalogue:
        """The newest version; an empty one, version 0, where none was loaded."""
        ...

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:
        """Store a version, and who put it on sale."""
        ...


class Inbox(Protocol):
    """Callbacks that were received."""

    def record(self, entry: InboxEntry) -> bool:
        """Note a callback; False where the same with the same outcome was noted before."""
        ...

    def add(self, entry: InboxEntry) -> None:
        """Note a callback, where it does not matter whether it was noted before."""
        ...

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        """The callbacks that spoke of an order, oldest first."""
        ...


class Outbox(Protocol):
    """Events on their way out."""

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        """Record events in order; returns them with their ids.

        Args:
            by: who asked for what led to them; empty where the bank or time did.
        """
        ...

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        """Undelivered events, oldest first, for the one relay that may deliver until `until`; none for others.

        Events of a tenant whose delivery failed wait, all of them, until it is tried again.
        """
        ...

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        """A tenant's events behind the one with the id `after`, or from the first.

        Whatever becomes visible later stands behind what was read before, so that a reader who goes on from the last
        event it saw misses none. To be called in a transaction.
        """
        ...

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        """Whether `feed` would give anything; changes nothing."""
        ...

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        """The last events of a tenant, or of all, oldest first."""
        ...

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        """A tenant's events that name an order, oldest first."""
        ...

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:
        """Mark events as delivered, and others to be tried again at a time; ends the claim."""
        ...


class Queue(Protocol):
    """Jobs for workers, where there is a queue. Losing it loses nothing: what is due is found in other tables."""

    def put(self, task: str, tenants: Sequence[str]) -> None:
        """Have `task` done for tenants, once this transaction is committed; nothing where there is no queue."""
        ...


class Tokens(Protocol):
    """Access tokens."""

    def add(self, token: StoredToken) -> None:
        """Store a token."""
        ...

    def by_digest(self, digest: str) -> StoredToken | None:
        """The token with this digest."""
        ...

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        """Tokens, newest first."""
        ...

    def end(self, digest: str, at: datetime) -> None:
        """Revoke the token with this digest."""
        ...

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        """Revoke the tokens with this prefix; returns how many."""
        ...


class Answers(Protocol):
    """Answers under idempotency keys."""

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        """Reserve a key; gives what is kept under it, and whether it is ours to work on now.

        A request that is repeated keeps the identity that it had first.

        Args:
            answer: the reservation, with status 0.
            forget_before: keys first used before this are forgotten.
            stale_before: reservations claimed before this were left by a process that died.
        """
        ...

    def finish(self, answer: Answer) -> None:
        """Keep the answer to a reserved key."""
        ...

    def reopen(self, owner: str, key: str) -> None:
        """Let a reserved key be claimed again under the same identity: the outcome of its request is not known."""
        ...

    def release(self, owner: str, key: str) -> None:
        """Forget a reserved key: nothing was done under it."""
        ...


class Pruning(Protocol):
    """Deleting what is of no use any more, a bounded number of rows at a time."""

    def answers(self, before: datetime, limit: int) -> int:
        """Answers under idempotency keys first used before this; returns how many."""
        ...

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        """Callbacks received before this that changed nothing; returns how many."""
        ...

    def tokens(self, before: datetime, limit: int) -> int:
        """Tokens that expired or were revoked before this; returns how many."""
        ...

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        """Registrations that expired before this unpaid, and whose orders are rejected; oldest first.

        Args:
            after: those that expired at this moment or earlier are left out.
        """
        ...

    def registration(self, order_id: str) -> bool:
        """A registration with its rejected order and all that is kept of that; False where it is paid by now."""
        ...


class UnitOfWork(Protocol):
    """Everything that is remembered, within one transaction."""

    @property
    def orders(self) -> Orders: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def cards(self) -> Cards: ...
    @property
    def registrations(self) -> Registrations: ...
    @property
    def books(self) -> Books: ...
    @property
    def catalogues(self) -> Catalogues: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def pruning(self) -> Pruning: ...


class Storage(Protocol):
    """A place to remember things."""

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in one transaction: all of it is remembered, or, where it raises, nothing.

        Raises:
            StorageUnavailable: the database did not take it.
        """
        ...

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work`, which changes nothing."""
        ...

    async def migrate(self) -> list[str]:
        """Bring the tables up to date; returns the revisions that were applied."""
        ...

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None: unreachable, or not migrated."""
        ...

    async def close(self) -> None:
        """Give back connections and threads."""
        ...
