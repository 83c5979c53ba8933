"""`import`: move in from another billing system."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from echodesk_billing.entrypoints.cli.terminal import (
    FAILED,
    OPERATOR,
    AsJson,
    progress_bar,
    run_command,
    show,
    table_of,
)

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.domain.importing.plan import ImportPlan
    from echodesk_billing.domain.importing.verification import Difference
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Move in from another billing system.")


@commands.callback()
def importing() -> None:
    """Move in from another billing system."""


@commands.command("echodesk")
def import_echodesk(
    source: Annotated[
        str, typer.Option("--from", help="postgresql://… of the CRM; BILLING_CRM_DATABASE_URL where it is not given.")
    ] = "",
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant; repeat it for several.")] = None,
    ask_bank: Annotated[bool, typer.Option("--ask-bank", help="Read the bank's receipt of every payment.")] = False,
    grace_from: Annotated[
        str, typer.Option(help="From when the grace of overdue tenants counts: now, or a day such as 2026-12-01.")
    ] = "now",
    decisions: Annotated[Path | None, typer.Option(help="A file of what a person has decided.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print the plan.")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare what is here with the plan; change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import the customers of EchoDesk's own billing. Nothing is charged, mailed or delivered."""
    from echodesk_billing.entrypoints.decisions_file import read_decisions  # noqa: PLC0415
    from echodesk_billing.entrypoints.import_report import lines, report  # noqa: PLC0415

    decided = read_decisions(decisions) if decisions else {}

    async def work(container: Container, settings: Settings) -> int:
        uses = container.import_tenants()
        tables = container.old_tables(_source(source, settings))
        begins = _moment(grace_from, settings.time_zone)
        with progress_bar() as progress:
            task = progress.add_task("reading the old tables", total=None)
            plan = await uses.plan(
                tables,
                only=tenant or (),
                decisions=decided,
                ask_bank=ask_bank,
                grace_from=begins,
                by=OPERATOR.name,
                progress=lambda done, of: progress.update(
                    task, description=f"asking the bank: receipt {done} of {of}", completed=done, total=of
                ),
            )
        if verify:
            return _verified(plan, await uses.verify(plan), as_json=as_json)
        written = []
        if not dry_run:
            with progress_bar() as progress:
                task = progress.add_task("importing", total=len(plan.tenants))
                async for one in uses.write(plan, by=OPERATOR.name):
                    written.append(one)
                    progress.update(task, description=f"importing: {one.tenant} {one.outcome}", advance=1)
        found = report(plan, written)
        show(found, lambda: "\n".join(lines(found, settings.time_zone)), as_json=as_json)
        return 0

    run_command(work)


def _source(given: str, settings: Settings) -> str:
    if url := given or settings.crm_database_url:
        return url
    raise typer.BadParameter("give the address of the CRM's database", param_hint="--from")


def _moment(text: str, time_zone: str) -> datetime | None:
    """`now` is None; a day begins in the time zone of the settings."""
    if text == "now":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not now, or a day such as 2026-12-01", param_hint="--grace-from"
        ) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(time_zone))).astimezone(UTC)


def _verified(plan: ImportPlan, found: Sequence[Difference], *, as_json: bool) -> int:
    def table() -> Table | str:
        if not found:
            return f"{len(plan.tenants)} tenants are here as planned."
        table = table_of("tenant", "subject", "what", "planned", "here")
        for one in found:
            table.add_row(one.tenant, one.subject, one.what, one.planned, one.found)
        return table

    show({"tenants": len(plan.tenants), "differences": found}, table, as_json=as_json)
    return FAILED if found else 0
