"""The storage port and its unit of work.

A transaction is a plain function that takes a `UnitOfWork`. It cannot await, so no transaction can stay open during a
network call; it is retried after a deadlock, so it must not change anything else.
See docs/adr/0003.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

from echodesk_billing.domain.errors import BillingError
from echodesk_billing.ports.storage.answers import Answers
from echodesk_billing.ports.storage.books import Books
from echodesk_billing.ports.storage.cards import Cards
from echodesk_billing.ports.storage.catalogues import Catalogues
from echodesk_billing.ports.storage.chores import Chores
from echodesk_billing.ports.storage.coupons import Coupons
from echodesk_billing.ports.storage.customers import Customers
from echodesk_billing.ports.storage.inbox import Inbox
from echodesk_billing.ports.storage.mails import Mails
from echodesk_billing.ports.storage.orders import Orders
from echodesk_billing.ports.storage.outbox import Outbox
from echodesk_billing.ports.storage.personal_data import PersonalData
from echodesk_billing.ports.storage.proformas import Proformas
from echodesk_billing.ports.storage.pruning import Pruning
from echodesk_billing.ports.storage.queue import Queue
from echodesk_billing.ports.storage.registrations import Registrations
from echodesk_billing.ports.storage.statistics import Statistics
from echodesk_billing.ports.storage.subscriptions import Subscriptions
from echodesk_billing.ports.storage.tokens import Tokens
from echodesk_billing.ports.storage.webhooks import Webhooks

T = TypeVar("T")


class StorageUnavailable(BillingError):
    """The database cannot be reached, is full or is not migrated; the message says what to do."""


class UnitOfWork(Protocol):
    """All repositories, within one transaction."""

    @property
    def orders(self) -> Orders: ...
    @property
    def customers(self) -> Customers: ...
    @property
    def subscriptions(self) -> Subscriptions: ...
    @property
    def cards(self) -> Cards: ...
    @property
    def registrations(self) -> Registrations: ...
    @property
    def books(self) -> Books: ...
    @property
    def proformas(self) -> Proformas: ...
    @property
    def coupons(self) -> Coupons: ...
    @property
    def catalogues(self) -> Catalogues: ...
    @property
    def inbox(self) -> Inbox: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def statistics(self) -> Statistics: ...
    @property
    def chores(self) -> Chores: ...
    @property
    def mails(self) -> Mails: ...
    @property
    def webhooks(self) -> Webhooks: ...
    @property
    def queue(self) -> Queue: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def answers(self) -> Answers: ...
    @property
    def personal_data(self) -> PersonalData: ...
    @property
    def pruning(self) -> Pruning: ...


class Storage(Protocol):
    """A database."""

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` in one transaction: committed where it returns, rolled back where it raises.

        Raises:
            StorageUnavailable: the transaction could not be committed.
        """
        ...

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work`, which only reads."""
        ...

    async def migrate(self) -> list[str]:
        """Migrate the tables; returns the applied revisions."""
        ...

    async def problem(self) -> str | None:
        """Why the storage cannot be used, or None: unreachable, or not migrated."""
        ...

    async def close(self) -> None:
        """Close connections and threads."""
        ...
