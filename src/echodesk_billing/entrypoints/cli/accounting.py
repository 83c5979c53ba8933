"""`invoices` and `ledger`: lists and exports for accounting."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from echodesk_billing.entrypoints.cli.terminal import (
    AsJson,
    Tenant,
    a_day,
    progress_bar,
    run_command,
    show,
    table_of,
)
from echodesk_billing.entrypoints.spreadsheets import Format, written

if TYPE_CHECKING:
    from echodesk_billing.application.exports import Exports, Span
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

invoices = typer.Typer(no_args_is_help=True, help="Invoices and credit notes.")
ledger = typer.Typer(no_args_is_help=True, help="The journal.")

FirstDay = Annotated[str, typer.Option("--from", help="The first day, YYYY-MM-DD.")]
LastDay = Annotated[str, typer.Option("--to", help="The last day, YYYY-MM-DD.")]
Form = Annotated[Format, typer.Option("--format", help="csv, xlsx or json.")]
Output = Annotated[Path | None, typer.Option("--output", help="The file to write; the terminal where it is not given.")]


@invoices.command("list")
def invoices_list(
    tenant: Tenant = None,
    before: Annotated[int, typer.Option(min=0, help="Only those below this id, for the next page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List invoices, newest first, fifty at a time."""

    async def work(container: Container, _settings: Settings) -> None:
        page = await container.lists().invoices(tenant, before)

        def table() -> Table | str:
            if not page.items:
                return "There are no invoices."
            table = table_of("id", "number", "tenant", "buyer", "amount", "VAT", "issued (UTC)")
            for one in page.items:
                vat = str(one.details.vat or "")
                issued = f"{one.issued_at:%Y-%m-%d %H:%M}"
                table.add_row(str(one.id), one.number, one.tenant_id, one.buyer, str(one.amount), vat, issued)
            table.caption = f"more: --before {page.next}" if page.next else None
            return table

        items = [{"number": one.number, **_plain(one)} for one in page.items]
        show({"invoices": items, "next": page.next}, table, as_json=as_json)

    run_command(work)


def _plain(invoice: Any) -> dict[str, Any]:
    names = ("id", "tenant_id", "order_id", "amount", "buyer", "description", "issued_at", "details")
    return {name: getattr(invoice, name) for name in names}


@invoices.command("export")
def invoices_export(first: FirstDay, last: LastDay, form: Form = Format.CSV, output: Output = None) -> None:
    """Write invoices and credit notes of some days, one per row; credit notes are negative."""
    from echodesk_billing.application.exports import DocumentRow  # noqa: PLC0415

    _export(first, last, form, output, DocumentRow, lambda exports, span: exports.documents(span))


@ledger.command("export")
def ledger_export(first: FirstDay, last: LastDay, form: Form = Format.CSV, output: Output = None) -> None:
    """Write the entries of the journal of some days, one per row."""
    from echodesk_billing.application.exports import EntryRow  # noqa: PLC0415

    _export(first, last, form, output, EntryRow, lambda exports, span: exports.entries(span))


def _export(
    first: str,
    last: str,
    form: Format,
    output: Path | None,
    kind: type,
    read: Callable[[Exports, Span], AsyncIterator[Any]],
) -> None:
    begins, ends = a_day(first, "--from"), a_day(last, "--to")
    if form is Format.XLSX and output is None:
        raise typer.BadParameter("a workbook needs a file: --output invoices.xlsx", param_hint="--output")

    async def work(container: Container, settings: Settings) -> None:
        exports, rows = container.exports(), []
        with progress_bar() as progress:
            task = progress.add_task("reading", total=None)
            async for row in read(exports, exports.days(begins, ends)):
                rows.append(row)
                progress.update(task, description=f"reading: {len(rows)} rows")
        made = written(rows, kind, form, settings.time_zone)
        if output is None:
            sys.stdout.buffer.write(made)
            sys.stdout.flush()
        else:
            await asyncio.to_thread(output.write_bytes, made)
            show({"rows": len(rows), "file": str(output)}, lambda: f"{len(rows)} rows in {output}", as_json=False)

    run_command(work)
