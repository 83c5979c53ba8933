"""What the commands have in common."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from echodesk_billing.domain.errors import BillingError


class BillingCommand(BaseCommand):
    """A command whose errors of billing are a line, not a trace."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run the command.

        Raises:
            CommandError: billing failed.
        """
        try:
            return super().execute(*args, **options)
        except BillingError as error:
            raise CommandError(str(error)) from None
