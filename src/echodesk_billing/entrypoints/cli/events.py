"""`events`: show recorded events."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from echodesk_billing.domain.events import Event
from echodesk_billing.entrypoints.cli.terminal import AsJson, Limit, Tenant, run_command, show

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Events.")


FOLLOW_EVERY_SECONDS = 1.0


@commands.command("tail")
def events_tail(
    tenant: Tenant = None,
    limit: Limit = 20,
    follow: Annotated[bool, typer.Option("--follow", help="Keep following until stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the last events, one per line. Programs use GET /api/events/."""

    async def work(container: Container, _settings: Settings) -> None:
        shown: set[str] = set()
        while True:
            for event in await container.storage().read(lambda uow: uow.outbox.latest(tenant, limit)):
                if event.id not in shown:
                    shown.add(event.id)
                    _print_event(event, as_json=as_json)
            if not follow:
                return
            await asyncio.sleep(FOLLOW_EVERY_SECONDS)

    run_command(work)


def _print_event(event: Event, *, as_json: bool) -> None:
    value = {**msgspec.to_builtins(event), "type": event.name}
    told = {key: one for key, one in value.items() if key not in ("id", "at", "tenant_id", "type")}
    facts = " ".join(f"{key}={json.dumps(one, ensure_ascii=False, default=str)}" for key, one in told.items())
    line = f"{event.at:%Y-%m-%d %H:%M:%S} {event.tenant_id} {event.name} {facts}"
    show(value, lambda: line, as_json=as_json)
