"""Storage in memory, lost with the process. One process, one event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from echodesk_billing.adapters.memory.answers import MemoryAnswers
from echodesk_billing.adapters.memory.books import MemoryBooks
from echodesk_billing.adapters.memory.cards import MemoryCards
from echodesk_billing.adapters.memory.catalogues import MemoryCatalogues
from echodesk_billing.adapters.memory.chores import MemoryChores
from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.adapters.memory.coupons import MemoryCoupons
from echodesk_billing.adapters.memory.customers import MemoryCustomers
from echodesk_billing.adapters.memory.inbox import MemoryInbox
from echodesk_billing.adapters.memory.mails import MemoryMails
from echodesk_billing.adapters.memory.orders import MemoryOrders
from echodesk_billing.adapters.memory.outbox import MemoryOutbox
from echodesk_billing.adapters.memory.personal_data import MemoryPersonalData
from echodesk_billing.adapters.memory.proformas import MemoryProformas
from echodesk_billing.adapters.memory.pruning import MemoryPruning
from echodesk_billing.adapters.memory.queue import NoQueue
from echodesk_billing.adapters.memory.registrations import MemoryRegistrations
from echodesk_billing.adapters.memory.statistics import MemoryStatistics
from echodesk_billing.adapters.memory.subscriptions import MemorySubscriptions
from echodesk_billing.adapters.memory.tokens import MemoryTokens
from echodesk_billing.adapters.memory.webhooks import MemoryWebhooks
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import UnitOfWork

T = TypeVar("T")


class MemoryStorage:
    """Stores data in this process. A transaction works on a copy, which replaces the original when it succeeds."""

    def __init__(self, ids: Ids) -> None:
        self._memory = Contents()
        self._ids = ids

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a copy; keep the copy when it returns."""
        draft = self._memory.copy()
        result = work(MemoryUnitOfWork(draft, self._ids))
        self._memory = draft
        return result

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a copy and discard the copy."""
        return work(MemoryUnitOfWork(self._memory.copy(), self._ids))

    async def migrate(self) -> list[str]:
        """Nothing to migrate."""
        return []

    async def problem(self) -> str | None:
        """None: memory is always available."""
        return None

    async def close(self) -> None:
        """Nothing to close."""


class MemoryUnitOfWork:
    def __init__(self, memory: Contents, ids: Ids) -> None:
        self.orders = MemoryOrders(memory)
        self.customers = MemoryCustomers(memory)
        self.subscriptions = MemorySubscriptions(memory)
        self.cards = MemoryCards(memory)
        self.registrations = MemoryRegistrations(memory)
        self.books = MemoryBooks(memory)
        self.proformas = MemoryProformas(memory)
        self.coupons = MemoryCoupons(memory)
        self.catalogues = MemoryCatalogues(memory)
        self.inbox = MemoryInbox(memory)
        self.outbox = MemoryOutbox(memory, ids)
        self.statistics = MemoryStatistics(memory)
        self.chores = MemoryChores(memory)
        self.mails = MemoryMails(memory)
        self.webhooks = MemoryWebhooks(memory)
        self.queue = NoQueue()
        self.tokens = MemoryTokens(memory)
        self.answers = MemoryAnswers(memory)
        self.personal_data = MemoryPersonalData(memory)
        self.pruning = MemoryPruning(memory)
