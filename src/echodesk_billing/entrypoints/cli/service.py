"""Commands that run or prepare the service, which import it when they run: other commands start sooner."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

import msgspec
import typer

from echodesk_billing.entrypoints.cli.terminal import AsJson, configured_settings, err, out, run_command, show
from echodesk_billing.setting_values import InvalidSettings

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer()


@commands.command()
def serve() -> None:
    """Serve the HTTP API until stopped."""
    from echodesk_billing.entrypoints.server.serving import serving, until_stopped  # noqa: PLC0415

    async def work(container: Container, settings: Settings) -> None:
        async with serving(container, settings) as address:
            out.print(f"service: {address}", soft_wrap=True)
            if not container.gateway().is_configured:
                err.print("BOG_CLIENT_ID and BOG_CLIENT_SECRET are not set: calls that need the bank answer 503")
            out.print("ready")
            await until_stopped()

    run_command(work, joins_demo=False)


@commands.command()
def work() -> None:
    """Renew subscriptions, reconcile payments and deliver events until stopped. Run several on PostgreSQL."""
    from echodesk_billing.entrypoints.server.serving import until_stopped, working  # noqa: PLC0415

    async def run(container: Container, settings: Settings) -> None:
        if not container.gateway().is_configured:
            raise InvalidSettings("BOG_CLIENT_ID is missing: there is nothing to charge with")
        async with working(container, settings):
            out.print("ready")
            await until_stopped()

    run_command(run, joins_demo=False)


@commands.command()
def dev() -> None:
    """Run the simulated bank and the service on SQLite, with a demo tenant."""
    from echodesk_billing.entrypoints.demo.dev import run_dev  # noqa: PLC0415

    settings = configured_settings(joins_demo=False)
    asyncio.run(run_dev(msgspec.structs.replace(settings, client_id="demo", client_secret="demo")))  # noqa: S106


@commands.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Run the simulated bank alone; takes the options of `python -m bog_sandbox`."""
    os.execv(sys.executable, [sys.executable, "-m", "bog_sandbox", *context.args])  # noqa: S606 - our own program


@commands.command()
def migrate(as_json: AsJson = False) -> None:
    """Migrate the database."""
    from echodesk_billing.container import open_container  # noqa: PLC0415
    from echodesk_billing.entrypoints.server.serving import prepare_queue  # noqa: PLC0415
    from echodesk_billing.settings import hide_password  # noqa: PLC0415

    settings = configured_settings()

    async def run() -> list[str]:
        async with open_container(settings, migrate=False) as container:
            applied: list[str] = await container.storage().migrate()
            return [*applied, "queue"] if await prepare_queue(settings) else applied

    applied = asyncio.run(run())
    where = hide_password(settings.database_url)
    done = f"applied {', '.join(applied)}" if applied else "nothing to do"
    show({"database": where, "applied": applied}, lambda: f"{where}: {done}", as_json=as_json)
