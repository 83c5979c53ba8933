"""What is remembered, and the unit of work in which it changes.

A transaction is a plain function that is given a `UnitOfWork`. It cannot await, so no transaction can be open while
the network is waited for; it may be run again after a deadlock, so it must change nothing but what it is given.
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
from echodesk_billing.ports.storage.inbox import Inbox
from echodesk_billing.ports.storage.orders import Orders
from echodesk_billing.ports.storage.outbox import Outbox
from echodesk_billing.ports.storage.pruning import Pruning
from echodesk_billing.ports.storage.queue import Queue
from echodesk_billing.ports.storage.registrations import Registrations
from echodesk_billing.ports.storage.subscriptions import Subscriptions
from echodesk_billing.ports.storage.tokens import Tokens

T = TypeVar("T")


class StorageUnavailable(BillingError):
    """The database cannot be reached, is full or is not migrated; the message says which and what to do."""


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
