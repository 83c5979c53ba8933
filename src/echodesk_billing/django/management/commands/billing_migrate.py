"""`manage.py billing_migrate`."""

from __future__ import annotations

import asyncio
from typing import Any

from echodesk_billing.container import open_container
from echodesk_billing.django.conf import billing_settings
from echodesk_billing.django.management.base import BillingCommand
from echodesk_billing.entrypoints.server.serving import prepare_queue


class Command(BillingCommand):
    """Migrate the tables of billing, and those of its workers where the extra [worker] is installed."""

    help = "Create or migrate the tables of billing."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        applied = asyncio.run(_migrate())
        self.stdout.write(f"applied {', '.join(applied)}" if applied else "nothing to do")


async def _migrate() -> list[str]:
    settings = billing_settings()
    async with open_container(settings, migrate=False) as container:
        applied = list(await container.storage().migrate())
        return [*applied, "queue"] if await prepare_queue(settings) else applied
