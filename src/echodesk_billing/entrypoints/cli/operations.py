"""Operations commands: renew, reconcile, status, prune, check."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from echodesk_billing.domain.money import Money
from echodesk_billing.domain.notifications.heartbeat import ChoreState
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.entrypoints.cli.terminal import (
    FAILED,
    AsJson,
    Limit,
    configured_settings,
    progress_bar,
    run_command,
    show,
    table_of,
)
from echodesk_billing.ports.gateway import require_configured

if TYPE_CHECKING:
    from echodesk_billing.application.renewals import Renewed
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer()


YEAR_SECONDS = 366 * 24 * 3600

FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)


@commands.command()
def renew(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be charged.")] = False,
    limit: Limit = 10_000,
    as_json: AsJson = False,
) -> None:
    """Charge due periods, ask customers whose card cannot be charged, and end expired subscriptions."""

    async def run(container: Container, _settings: Settings) -> int:
        found: list[Renewed] = []
        if dry_run:
            found += await container.renew().due(limit)
        else:
            require_configured(container.gateway())
            with progress_bar() as progress:
                task = progress.add_task("renewing", total=None)
                async for one in container.background_tasks().renew_due():
                    found.append(one)
                    progress.update(task, description=f"renewing: {len(found)} done, {one.tenant_id} {one.state}")
        show(found, lambda: _renewals_table(found, dry_run=dry_run), as_json=as_json)
        return FAILED if any(one.problem for one in found) else 0

    run_command(run)


def _renewals_table(found: Sequence[Renewed], *, dry_run: bool) -> Table | str:
    if not found:
        return "Nothing is due."
    table = table_of(
        "tenant", "subscription", "would charge" if dry_run else "amount", "order", "asked because", "problem"
    )
    for one in found:
        amount = str(one.amount or "")
        table.add_row(one.tenant_id, one.state, amount, one.order_id or "", one.obstacle or "", one.problem or "")
    return table


@commands.command()
def status(as_json: AsJson = False) -> None:
    """Show orders by state, unknown outcomes and what needs attention."""

    async def work(container: Container, _settings: Settings) -> None:
        now = await container.views().overview()
        value = {
            "orders": now.orders,
            "subscriptions": now.subscriptions,
            "subscriptions_due": now.subscriptions_due,
            "bank_balance": now.bank_balance,
            "in_doubt": [
                {
                    "order_id": order.id,
                    "why": unknown_outcome(order),
                    "since": order.created_at,
                    "asked_at": order.check_at,
                }
                for order in now.unknown_outcomes
            ],
            "never_due": now.never_due,
            "needs_attention": [{"order_id": order.id, "reasons": order.attention} for order in now.needs_attention],
        }

        def table() -> Table:
            table = table_of("what", "how many", "what to do")
            for state in OrderState:
                table.add_row(state, str(now.orders.get(state, 0)), "")
            for name, number in now.subscriptions.items():
                table.add_row(f"subscriptions {name}", str(number), "")
            waiting = "a worker renews them: echodesk-billing work" if now.subscriptions_due else ""
            table.add_row("subscriptions due now", str(now.subscriptions_due), waiting)
            table.add_row("balance at the bank, by the journal", ", ".join(map(str, now.bank_balance)), "")
            for tenant in now.never_due[:20]:
                table.add_row(f"the subscription of {tenant} is never due", "", "this is a bug, please report it")
            for order in now.unknown_outcomes[:20]:
                why = f"{unknown_outcome(order)}, since {order.created_at:%Y-%m-%d %H:%M}"
                table.add_row(f"{order.id} outcome unknown", "", f"{why}: echodesk-billing reconcile asks the bank")
            for order in now.needs_attention[:20]:
                what = "; ".join(order.attention)
                table.add_row(f"{order.id} needs attention", "", f"{what}: echodesk-billing order show {order.id}")
            return table

        show(value, table, as_json=as_json)

    run_command(work)


@commands.command()
def reconcile(
    older_than: Annotated[
        float, typer.Option(min=0, max=YEAR_SECONDS, help="Skip orders younger than this many seconds.")
    ] = 0,
    report: Annotated[bool, typer.Option("--report", help="Compare a day with the bank; change nothing.")] = False,
    day: Annotated[str, typer.Option(help="The day, YYYY-MM-DD (default: yesterday).")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask the bank about every unsettled order, or compare a day's orders with it."""
    if report or day:
        _report(day, as_json=as_json)

    async def work(container: Container, _settings: Settings) -> int:
        found = []
        with progress_bar() as progress:
            task = progress.add_task("asking the bank")
            async for one in container.reconcile().run(older_than=timedelta(seconds=older_than)):
                found.append(one)
                progress.update(task, description=f"asking the bank: {len(found)} done, {one.order_id} {one.after}")

        def table() -> Table | str:
            if not found:
                return "No outcome is unknown."
            table = table_of("order", "tenant", "since (UTC)", "unknown because", "was", "is", "problem")
            for one in found:
                why, since = one.unknown_outcome or "its customer may still pay", f"{one.since:%Y-%m-%d %H:%M}"
                table.add_row(one.order_id, one.tenant_id, since, why, one.before, one.after, one.problem or "")
            return table

        show(found, table, as_json=as_json)
        return FAILED if any(one.problem for one in found) else 0

    run_command(work)


def _day(text: str) -> date:
    with contextlib.suppress(ValueError):
        day = date.fromisoformat(text)
        if FIRST_DAY <= day <= LAST_DAY:
            return day
    raise typer.BadParameter(f"{text!r} is not a day such as 2026-01-31", param_hint="--day")


def _report(day: str, *, as_json: bool) -> None:
    """Every order that changed on a day: here, at the bank and in the journal."""
    chosen = _day(day) if day else None

    async def work(container: Container, _settings: Settings) -> int:
        audit = container.audit()
        span, found = await audit.day(chosen), []
        with progress_bar() as progress:
            task = progress.add_task(f"comparing {span.day}")
            async for one in audit.report(span):
                found.append(one)
                progress.update(task, description=f"comparing {span.day}: {len(found)} orders")
        differing = [one for one in found if one.differences]
        totals = {
            currency: {"at_the_bank": held, "in_the_books": booked}
            for currency in sorted({one.captured.currency for one in found})
            for held, booked in [
                (
                    sum((one.at_the_bank for one in found if one.captured.currency is currency), Money.zero(currency)),
                    sum((one.in_the_books for one in found if one.captured.currency is currency), Money.zero(currency)),
                )
            ]
        }

        def table() -> Table:
            table = table_of("order", "tenant", "here", "bank", "captured", "refunded", "at the bank", "differences")
            for one in found:
                money = (str(one.captured), str(one.refunded), str(one.at_the_bank))
                differences = "; ".join(one.differences)
                table.add_row(one.order_id, one.tenant_id, one.state, one.bank_status, *money, differences)
            for total in totals.values():
                table.add_row("total", "", "", "", "", "", str(total["at_the_bank"]), f"{total['in_the_books']} booked")
            table.caption = f"{span.day}: {len(found)} orders, {len(differing)} differ"
            return table

        value = {"day": span.day, "orders": found, "differing": len(differing), "totals": totals}
        show(value, table, as_json=as_json)
        return FAILED if differing else 0

    run_command(work)


@commands.command()
def prune(as_json: AsJson = False) -> None:
    """Delete obsolete data: old responses, rejected callbacks, expired tokens, unpaid registrations."""

    async def work(container: Container, _settings: Settings) -> None:
        pruned = await container.prune().run(is_asked_for=True)

        def table() -> Table:
            table = table_of("what", "deleted")
            for name, number in msgspec.to_builtins(pruned).items():
                table.add_row(name.replace("_", " "), str(number))
            return table

        show(pruned, table, as_json=as_json)

    run_command(work)


@commands.command()
def check(as_json: AsJson = False) -> None:
    """Check configuration, database, bank and background work, and say how to fix problems."""
    from echodesk_billing.container import open_container  # noqa: PLC0415

    settings = configured_settings()

    async def run() -> tuple[dict[str, str | None], Sequence[ChoreState], datetime]:
        async with open_container(settings) as container:
            found = await container.checkup().run()
            states = [] if found["database"] else await container.watch().states()
            return found, states, await container.clock().now()

    found, states, now = asyncio.run(run())
    behind = {one.heartbeat.chore: int(one.behind(now).total_seconds()) for one in states}

    def table() -> Table:
        table = table_of("what", "verdict")
        for what, problem in found.items():
            table.add_row(what, problem or "good")
        for one in states:
            ran_at, chore = one.heartbeat.ran_at, one.heartbeat.chore
            last = f"last ran {ran_at:%Y-%m-%d %H:%M:%S} UTC" if ran_at else "has never run"
            table.add_row(f"chore {chore}", f"{last}, {behind[chore]} s behind")
        return table

    plain: dict[str, dict[str, object]] = {
        what: {"ok": problem is None, "problem": problem} for what, problem in found.items()
    }
    if states:
        plain["chores"]["last_runs"] = [
            {
                "chore": one.heartbeat.chore,
                "last_run_at": one.heartbeat.ran_at,
                "behind_seconds": behind[one.heartbeat.chore],
            }
            for one in states
        ]
    show(plain, table, as_json=as_json)
    raise typer.Exit(FAILED if any(found.values()) else 0)
