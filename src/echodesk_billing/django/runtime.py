"""Billing in a process of the project: one event loop on a thread of its own, started when it is first needed.

Workers that are forked, of gunicorn or Celery, start their own.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

from echodesk_billing import sync
from echodesk_billing.billing import Billing as AsyncBilling
from echodesk_billing.container import Container
from echodesk_billing.django.conf import Options, billing_settings, options
from echodesk_billing.django.signals import send
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.events import Event
from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.http.message import Request, Response

T = TypeVar("T")


class CalledInTransaction(BillingError):
    """Billing was called inside `atomic()`."""

    def __init__(self) -> None:
        super().__init__(
            "Billing was called inside transaction.atomic(): an order has to be committed before the bank is called, "
            "and would stay if your transaction were rolled back. Call it outside, or with transaction.on_commit(); "
            'ECHODESK_BILLING["ALLOW_ATOMIC"] = True allows it, for tests'
        )


READS = frozenset(
    {
        *(
            "subscription",
            "status",
            "cards",
            "invoices",
            "invoice_pdf",
            "credit_notes",
            "credit_note_pdf",
            "customer",
            "statement",
            "timeline",
            "events",
        ),
        *("tokens", "catalogue", "due", "preview_change", "registration_payload"),
    }
)
"""Calls that only read, and may be made inside `atomic()`."""


class Billing(sync.Billing):
    """The library for code of the project; calls that change something refuse to be made inside `atomic()`."""

    def __init__(self, chosen: Options) -> None:
        super().__init__(billing_settings(), chosen.usage)
        self._allow_atomic = chosen.allow_atomic

    def _before(self, name: str) -> None:
        if name not in READS:
            self.require_no_transaction()

    def require_no_transaction(self) -> None:
        """Check that no transaction of Django is open in this thread.

        Raises:
            CalledInTransaction: one is.
        """
        if not self._allow_atomic and any(one.in_atomic_block for one in connections.all(initialized_only=True)):
            raise CalledInTransaction


class Runtime:
    """Billing and its HTTP contract, for one process and those it forks."""

    def __init__(self) -> None:
        self.options = options()
        self.billing = Billing(self.options)
        self.billing.on(Event, send)
        self._served: tuple[AsyncBilling, Contract] | None = None

    async def handle(self, request: Request) -> Response:
        """Answer a request on the event loop of billing, from any other loop.

        Raises:
            CalledInTransaction: a transaction of Django is open in this thread.
        """
        await sync_to_async(self.billing.require_no_transaction)()
        return await asyncio.wrap_future(self.billing._submit(lambda face: self._contract(face).handle(request)))

    def use(self, work: Callable[[Container], Coroutine[Any, Any, T]]) -> T:
        """Run a use case that only reads, on the event loop of billing."""
        return self.billing._submit(lambda face: work(face._container)).result()

    def _contract(self, face: AsyncBilling) -> Contract:
        if self._served is None or self._served[0] is not face:
            self._served = face, face._http_contract()
        return self._served[1]


@functools.cache
def runtime() -> Runtime:
    """The one of this project."""
    return Runtime()
