"""`manage.py billing …`: the command line, with the settings of the project."""

from __future__ import annotations

import os
import sys

from django.core.management.base import BaseCommand

from echodesk_billing.django.conf import variables
from echodesk_billing.entrypoints.cli.main import main
from echodesk_billing.entrypoints.cli.terminal import WRONG_USE
from echodesk_billing.setting_values import InvalidSettings


class Command(BaseCommand):
    """All of `echodesk-billing`: `manage.py billing order list`, `manage.py billing catalogue load FILE`."""

    help = "Run a command of echodesk-billing with the settings of this project."

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command; its arguments are not Django's to read."""
        try:
            os.environ.update(variables())
        except InvalidSettings as error:
            self.stderr.write(str(error))
            sys.exit(WRONG_USE)
        sys.argv = [f"{argv[0]} {argv[1]}", *argv[2:]]
        main()
