"""`manage.py billing_import`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings

from echodesk_billing.django.management.commands import billing


class Command(billing.Command):
    """Import the customers of the CRM's own billing, from the project's database; options as `import echodesk`."""

    help = "Import the customers of EchoDesk's own billing."

    def run_from_argv(self, argv: list[str]) -> None:
        """Run `billing import echodesk`, by default from the project's own database."""
        arguments = argv[2:]
        given = any(one == "--from" or one.startswith("--from=") for one in arguments)
        address = "" if given or "--help" in arguments else _address(settings.DATABASES["default"])
        where = ["--from", address] if address else []
        super().run_from_argv([argv[0], argv[1], "import", "echodesk", *where, *arguments])


def _address(database: Mapping[str, Any]) -> str:
    """The address of a PostgreSQL database of Django's settings; empty where it is another one."""
    if "postgresql" not in database["ENGINE"]:
        return ""
    user, password = quote(database.get("USER") or "", safe=""), quote(database.get("PASSWORD") or "", safe="")
    host, port = str(database.get("HOST") or ""), database.get("PORT")
    owner = f"{user}:{password}@" if password else f"{user}@" if user else ""
    if host.startswith("/"):  # a socket
        return f"postgresql://{owner}/{database['NAME']}?{urlencode({'host': host})}"
    return f"postgresql://{owner}{host or '127.0.0.1'}{f':{port}' if port else ''}/{database['NAME']}"
