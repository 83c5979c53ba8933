"""`manage.py billing_work`."""

from __future__ import annotations

import asyncio
from typing import Any

from echodesk_billing.container import open_ready_container
from echodesk_billing.django.conf import billing_settings
from echodesk_billing.django.management.base import BillingCommand
from echodesk_billing.django.signals import send
from echodesk_billing.domain.events import Event
from echodesk_billing.entrypoints.server.serving import until_stopped, working


class Command(BillingCommand):
    """A worker: renews subscriptions, reconciles payments and delivers events until stopped. Run it beside Celery."""

    help = "Renew subscriptions, reconcile payments and deliver events until stopped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        settings = billing_settings()
        async with open_ready_container(settings) as container:
            container.delivery().on(Event, send)
            async with working(container, settings):
                self.stdout.write("ready")
                self.stdout.flush()
                await until_stopped()
