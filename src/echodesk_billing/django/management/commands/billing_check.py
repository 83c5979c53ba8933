"""`manage.py billing_check`."""

from __future__ import annotations

import asyncio
from typing import Any

from django.core.management.base import CommandError

from echodesk_billing.container import open_container
from echodesk_billing.django.conf import billing_settings
from echodesk_billing.django.management.base import BillingCommand


class Command(BillingCommand):
    """Check configuration, database and bank; `manage.py check` looks at the settings only."""

    help = "Check configuration, database and bank, and say how to fix problems."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        found = asyncio.run(_check())
        for what, problem in found.items():
            self.stdout.write(f"{what}: {problem or 'good'}")
        if any(found.values()):
            raise CommandError("something is wrong")


async def _check() -> dict[str, str | None]:
    async with open_container(billing_settings()) as container:
        return await container.checkup().run()
