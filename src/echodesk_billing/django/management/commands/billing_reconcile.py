"""`manage.py billing_reconcile`."""

from __future__ import annotations

from typing import Any

from echodesk_billing.django.management.base import BillingCommand
from echodesk_billing.django.runtime import Runtime


class Command(BillingCommand):
    """Ask the bank about the payments whose check is due."""

    help = "Reconcile payments with the bank."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        with Runtime().billing as library:  # its own: other threads may be using `billing()`
            found = library.reconcile()
        for one in found:
            self.stdout.write(str(one))
        self.stdout.write(f"{len(found)} reconciled")
