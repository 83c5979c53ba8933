"""`manage.py billing_reconcile`."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from echodesk_billing.django.runtime import Runtime
from echodesk_billing.domain.errors import BillingError


class Command(BaseCommand):
    """Ask the bank about the payments whose check is due."""

    help = "Reconcile payments with the bank."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run the command."""
        try:
            with Runtime().billing as library:  # its own: other threads may be using `billing()`
                found = library.reconcile()
        except BillingError as error:
            raise CommandError(str(error)) from None
        for one in found:
            self.stdout.write(str(one))
        self.stdout.write(f"{len(found)} reconciled")
