"""`stats`: figures of the business."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from echodesk_billing.domain.accounting.statistics import MOVEMENTS, Business
from echodesk_billing.entrypoints.cli.terminal import FAILED, AsJson, out, run_command, show, table_of

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer()


@commands.command("stats")
def stats(
    verify: Annotated[bool, typer.Option("--verify", help="Count all events again, and compare.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show recurring revenue, customers, money and collection per month."""

    async def work(container: Container, _settings: Settings) -> int:
        figures = container.figures()
        await figures.catch_up()
        found = await figures.read()
        differences = await figures.verify() if verify else []
        if as_json:
            from echodesk_billing.entrypoints.http.statistics import BusinessView  # noqa: PLC0415 - slow to import

            views = [msgspec.to_builtins(BusinessView.of(one)) for one in found]
            told = {"currencies": views, "differences": [str(one.figure) for one in differences]}
            show(told, lambda: "", as_json=True)
        elif not found:
            out.print("There are no figures yet.")
        for one in () if as_json else found:
            out.print(_tables(one))
        if verify and not as_json:
            out.print(f"{len(differences)} figures differ from their events" if differences else "All figures agree.")
        return FAILED if differences else 0

    run_command(work)


def _tables(one: Business) -> Group:
    title = Text(f"{one.currency}: MRR {one.recurring}, ARR {one.yearly}, {one.customers} customers\n", style="bold")
    revenue = table_of("month", "MRR", "new", "back", "more", "less", "churn", "customers")
    money = table_of("month", "captured", "refunded", "failed", "recovered")
    for month in one.months:
        moved = month.movements
        parts = (moved["new"] + moved["imported"], *(moved[name] for name in MOVEMENTS[2:]))
        told = [f"{amount.amount:.2f}" for amount in (month.recurring, *parts)]
        revenue.add_row(month.month, *told, str(month.customers))
        moneys = (f"{month.captured.amount:.2f}", f"{month.refunded.amount:.2f}")
        money.add_row(month.month, *moneys, str(month.failed), str(month.recovered))
    for column in (*revenue.columns[1:], *money.columns[1:]):
        column.justify, column.no_wrap = "right", True
    return Group(title, revenue, Text(""), money, *_collections(one), Text(""))


def _collections(one: Business) -> list[Table | Text]:
    if not one.collections:
        return []
    table = table_of("code", "declined", "recovered", "rate")
    for code in one.collections:
        table.add_row(code.code, str(code.declined), str(code.recovered), f"{code.rate:.0%}")
    return [Text(""), table]
