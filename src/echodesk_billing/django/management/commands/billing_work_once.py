"""`manage.py billing_work_once`."""

from __future__ import annotations

from typing import Any

from echodesk_billing.django.management.base import BillingCommand
from echodesk_billing.django.runtime import Runtime


class Command(BillingCommand):
    """What a worker does, once: for cron or Celery beat. Runs that overlap do nothing twice."""

    help = "Renew, reconcile, deliver and send what is due now, and stop."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        with Runtime().billing as library:  # its own: other threads may be using `billing()`
            reconciled = library.reconcile()
            renewed = library.renew()
            delivered = library.deliver_events()
            library.send_notifications()
        self.stdout.write(f"{len(reconciled)} reconciled, {len(renewed)} renewed, {delivered} events delivered")
