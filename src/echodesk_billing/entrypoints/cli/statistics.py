"""`stats`: figures of the business."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from echodesk_billing.container import Container
from echodesk_billing.domain.accounting.statistics import Business
from echodesk_billing.entrypoints.cli.terminal import FAILED, AsJson, out, run_command, show, table_of
from echodesk_billing.entrypoints.http.statistics import BusinessView
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
        await figures.count()
        found = await figures.read()
        differences = await figures.verify() if verify else []
        if as_json:
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
    months = table_of(
        "month",
        "MRR",
        "new",
        "back",
        "more",
        "less",
        "churn",
        "customers",
        "captured",
        "refunded",
        "failed",
        "recovered",
    )
    for month in one.months:
        moved = {name: f"{amount.amount:.2f}" for name, amount in month.movements.items()}
        joined = month.movements["new"] + month.movements["imported"]
        months.add_row(
            month.month,
            f"{month.recurring.amount:.2f}",
            f"{joined.amount:.2f}",
            moved["reactivation"],
            moved["expansion"],
            moved["contraction"],
            moved["churn"],
            str(month.customers),
            f"{month.captured.amount:.2f}",
            f"{month.refunded.amount:.2f}",
            str(month.failed),
            str(month.recovered),
        )
    for column in months.columns[1:]:
        column.justify = "right"
    return Group(title, months, *_collections(one), Text(""))


def _collections(one: Business) -> list[Table | Text]:
    if not one.collections:
        return []
    table = table_of("code", "declined", "recovered", "rate")
    for code in one.collections:
        table.add_row(code.code, str(code.declined), str(code.recovered), f"{code.rate:.0%}")
    return [Text(""), table]
