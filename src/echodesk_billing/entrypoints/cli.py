"""`echodesk-billing`: the service and its upkeep from a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from echodesk_billing.application.renewals import Renewed
from echodesk_billing.container import Container, open_container
from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.errors import (
    BillingError,
    InvalidCatalogue,
    InvalidMoney,
    InvalidSelection,
    InvalidTenant,
    NoActiveSubscription,
)
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints import order_history
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.dev import run_dev
from echodesk_billing.entrypoints.server.serving import fastest_loop, prepare_queue, serving, until_stopped, working
from echodesk_billing.logs import configure_logs
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.gateway import GatewayError, require_configured
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.settings import InvalidSettings, Settings, hide_password, load_settings

UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]  # it has no public name
FAILED = 1
WRONG_USE = 2
PAGE_WIDTH = 200
YEAR_SECONDS = 366 * 24 * 3600
MOST_DAYS = 36_500
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2999, 12, 31)
FOLLOW_EVERY_SECONDS = 1.0


def _operator() -> Principal:
    """Who runs this command, as the operating system knows them."""
    try:
        user = f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a user without a name
        user = f"cli:{os.getuid()}"
    return Principal(tenant_id="", tenant_name="", user_id=user, scopes=frozenset({Scope.OPERATOR}))


OPERATOR = _operator()

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Billing of EchoDesk through the Bank of Georgia.",
)
order_commands = typer.Typer(no_args_is_help=True, help="Payments, one by one.")
subscription_commands = typer.Typer(no_args_is_help=True, help="What tenants have.")
catalogue_commands = typer.Typer(no_args_is_help=True, help="What is sold.")
event_commands = typer.Typer(no_args_is_help=True, help="What happened.")
token_commands = typer.Typer(no_args_is_help=True, help="Access tokens.")
cli.add_typer(order_commands, name="order")
cli.add_typer(subscription_commands, name="subscription")
cli.add_typer(catalogue_commands, name="catalogue")
cli.add_typer(event_commands, name="events")
cli.add_typer(token_commands, name="token")


def _only_tenant(value: str | None) -> str | None:
    return None if value is None else check_tenant_id(value)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]
Tenant = Annotated[
    str | None,
    typer.Option(help="Only this tenant.", callback=_only_tenant),
]


class _Terminal(Console):
    """A console on which texts from outside are texts: they mark nothing up and control no terminal."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), **options)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
out = _Terminal(width=None if sys.stdout.isatty() else PAGE_WIDTH, markup=False, emoji=False)
err = _Terminal(stderr=True, markup=False, emoji=False)


def main() -> None:
    """Run a command. Exit 0 done, 1 failed, 2 wrong use. With `--json` errors are JSON too, on standard error."""
    as_json = "--json" in sys.argv
    try:
        sys.exit(cli(standalone_mode=not as_json))
    except (InvalidSettings, InvalidCatalogue, InvalidMoney, InvalidSelection, InvalidTenant) as error:
        _fail(str(error), WRONG_USE, as_json=as_json)
    except (BillingError, OSError) as error:
        _fail(str(error), FAILED, as_json=as_json)
    except UsageError as error:
        _fail(error.format_message(), error.exit_code, as_json=as_json)
    except typer.Abort:
        _fail("Stopped", FAILED, as_json=as_json)


def _fail(message: str, code: int, *, as_json: bool) -> NoReturn:
    if as_json:
        print(json.dumps({"error": message}, ensure_ascii=False), file=sys.stderr)  # noqa: T201
    else:
        err.print(message, soft_wrap=True)
    sys.exit(code)


def _settings() -> Settings:
    settings = load_settings()
    configure_logs(settings.log_format, settings.log_level)
    return settings


def _run(work: Callable[[Container, Settings], Coroutine[Any, Any, int | None]]) -> None:
    """Run `work` with everything open; its result is the exit code."""
    settings = _settings()

    async def run() -> int | None:
        async with open_container(settings) as container:
            if problem := await container.storage().problem():
                raise StorageUnavailable(problem)
            return await work(container, settings)

    with asyncio.Runner(loop_factory=fastest_loop()) as runner:
        code = runner.run(run())
    raise typer.Exit(code or 0)


def _print(value: Any, table: Callable[[], Table | str], *, as_json: bool) -> None:
    """Print `value` as JSON, or as a table for people."""
    if as_json:
        plain = json.loads(msgspec.json.encode(value))
        out.print_json(data=plain) if out.is_terminal else print(json.dumps(plain, ensure_ascii=False))  # noqa: T201
    else:
        out.print(table(), soft_wrap=isinstance(table, str))


def _table(*columns: str) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


@cli.command()
def serve() -> None:
    """Serve the HTTP API until stopped."""

    async def work(container: Container, settings: Settings) -> None:
        async with serving(container, settings) as address:
            out.print(f"service: {address}", soft_wrap=True)
            if not container.gateway().is_configured:
                err.print("BOG_CLIENT_ID and BOG_CLIENT_SECRET are not set: calls that need the bank answer 503")
            out.print("ready")
            await until_stopped()

    _run(work)


@cli.command()
def work() -> None:
    """Renew subscriptions, find out about payments, deliver events, until stopped. Many may run on PostgreSQL."""

    async def run(container: Container, settings: Settings) -> None:
        if not container.gateway().is_configured:
            raise InvalidSettings("BOG_CLIENT_ID is missing: there is nothing to charge with")
        async with working(container, settings):
            out.print("ready")
            await until_stopped()

    _run(run)


@cli.command()
def renew(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would be charged.")] = False,
    limit: Limit = 10_000,
    as_json: AsJson = False,
) -> None:
    """Charge what is due now, ask where the card may not be charged, and end what has run out."""

    async def run(container: Container, _settings: Settings) -> int:
        found: list[Renewed] = []
        if dry_run:
            found += await container.renew().due(limit)
        else:
            require_configured(container.gateway())
            with _progress() as progress:
                task = progress.add_task("renewing", total=None)
                async for one in container.chores().renew_due():
                    found.append(one)
                    progress.update(task, description=f"renewing: {len(found)} done, {one.tenant_id} {one.state}")
        _print(found, lambda: _renewals_table(found, dry_run=dry_run), as_json=as_json)
        return FAILED if any(one.problem for one in found) else 0

    _run(run)


def _renewals_table(found: Sequence[Renewed], *, dry_run: bool) -> Table | str:
    if not found:
        return "Nothing is due."
    table = _table(
        "tenant", "subscription", "would charge" if dry_run else "amount", "order", "asked because", "problem"
    )
    for one in found:
        amount = str(one.amount or "")
        table.add_row(one.tenant_id, one.state, amount, one.order_id or "", one.obstacle or "", one.problem or "")
    return table


@cli.command()
def dev() -> None:
    """Run the simulated bank and the service on SQLite, with a demo tenant."""
    settings = msgspec.structs.replace(_settings(), client_id="demo", client_secret="demo")  # noqa: S106
    asyncio.run(run_dev(settings))


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def sandbox(context: typer.Context) -> None:
    """Run the simulated bank alone; takes the options of `python -m bog_sandbox`."""
    os.execv(sys.executable, [sys.executable, "-m", "bog_sandbox", *context.args])  # noqa: S606 - our own program


@cli.command()
def migrate(as_json: AsJson = False) -> None:
    """Bring the database up to date."""
    settings = _settings()

    async def run() -> list[str]:
        async with open_container(settings, migrate=False) as container:
            applied: list[str] = await container.storage().migrate()
            return [*applied, "queue"] if await prepare_queue(settings) else applied

    applied = asyncio.run(run())
    where = hide_password(settings.database_url)
    done = f"applied {', '.join(applied)}" if applied else "nothing to do"
    _print({"database": where, "applied": applied}, lambda: f"{where}: {done}", as_json=as_json)


@cli.command()
def status(as_json: AsJson = False) -> None:
    """Orders by state, and what is in doubt or needs a person."""

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
                for order in now.in_doubt
            ],
            "never_due": now.never_due,
            "needs_attention": [{"order_id": order.id, "reasons": order.attention} for order in now.needs_attention],
        }

        def table() -> Table:
            table = _table("what", "how many", "what to do")
            for state in OrderState:
                table.add_row(state, str(now.orders.get(state, 0)), "")
            for name, number in now.subscriptions.items():
                table.add_row(f"subscriptions {name}", str(number), "")
            waiting = "a worker renews them: echodesk-billing work" if now.subscriptions_due else ""
            table.add_row("subscriptions due now", str(now.subscriptions_due), waiting)
            table.add_row("held at the bank, by the books", ", ".join(map(str, now.bank_balance)), "")
            for tenant in now.never_due[:20]:
                table.add_row(f"the subscription of {tenant} is never due", "", "this is a bug: please report it")
            for order in now.in_doubt[:20]:
                why = f"{unknown_outcome(order)}, since {order.created_at:%Y-%m-%d %H:%M}"
                table.add_row(f"{order.id} in doubt", "", f"{why}: echodesk-billing reconcile asks the bank")
            for order in now.needs_attention[:20]:
                what = "; ".join(order.attention)
                table.add_row(f"{order.id} needs attention", "", f"{what}: echodesk-billing order show {order.id}")
            return table

        _print(value, table, as_json=as_json)

    _run(work)


@cli.command()
def reconcile(
    older_than: Annotated[
        float, typer.Option(min=0, max=YEAR_SECONDS, help="Leave alone what is younger, in seconds.")
    ] = 0,
    report: Annotated[bool, typer.Option("--report", help="Change nothing: compare a day with the bank.")] = False,
    day: Annotated[str, typer.Option(help="Which day, YYYY-MM-DD; yesterday where not given.")] = "",
    as_json: AsJson = False,
) -> None:
    """Ask the bank about every order that is not settled, or compare a day's orders with it."""
    if report or day:
        _report(day, as_json=as_json)

    async def work(container: Container, _settings: Settings) -> int:
        found = []
        with _progress() as progress:
            task = progress.add_task("asking the bank")
            async for one in container.reconcile().run(older_than=timedelta(seconds=older_than)):
                found.append(one)
                progress.update(task, description=f"asking the bank: {len(found)} done, {one.order_id} {one.after}")

        def table() -> Table | str:
            if not found:
                return "Nothing is in doubt."
            table = _table("order", "tenant", "since (UTC)", "in doubt because", "was", "is", "problem")
            for one in found:
                why, since = one.doubt or "its customer may still pay", f"{one.since:%Y-%m-%d %H:%M}"
                table.add_row(one.order_id, one.tenant_id, since, why, one.before, one.after, one.problem or "")
            return table

        _print(found, table, as_json=as_json)
        return FAILED if any(one.problem for one in found) else 0

    _run(work)


def _day(text: str) -> date:
    with contextlib.suppress(ValueError):
        day = date.fromisoformat(text)
        if FIRST_DAY <= day <= LAST_DAY:
            return day
    raise typer.BadParameter(f"{text!r} is not a day such as 2026-01-31", param_hint="--day")


def _report(day: str, *, as_json: bool) -> None:
    """Every order that changed on a day: here, at the bank, in the books."""
    chosen = _day(day) if day else None

    async def work(container: Container, _settings: Settings) -> int:
        audit = container.audit()
        span, found = await audit.day(chosen), []
        with _progress() as progress:
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
            table = _table("order", "tenant", "here", "bank", "captured", "refunded", "at the bank", "differences")
            for one in found:
                money = (str(one.captured), str(one.refunded), str(one.at_the_bank))
                differences = "; ".join(one.differences)
                table.add_row(one.order_id, one.tenant_id, one.state, one.bank_status, *money, differences)
            for total in totals.values():
                table.add_row("total", "", "", "", "", "", str(total["at_the_bank"]), f"{total['in_the_books']} booked")
            table.caption = f"{span.day}: {len(found)} orders, {len(differing)} differ"
            return table

        value = {"day": span.day, "orders": found, "differing": len(differing), "totals": totals}
        _print(value, table, as_json=as_json)
        return FAILED if differing else 0

    _run(work)


def _progress() -> Progress:
    """How far long work is, on a terminal; nothing otherwise, where the result is printed at the end."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=err, disable=not err.is_terminal)


@cli.command()
def prune(as_json: AsJson = False) -> None:
    """Delete what is of no use any more: old kept answers, refused callbacks, ended tokens, unpaid registrations."""

    async def work(container: Container, _settings: Settings) -> None:
        pruned = await container.prune().run()

        def table() -> Table:
            table = _table("what", "deleted")
            for name, number in msgspec.to_builtins(pruned).items():
                table.add_row(name.replace("_", " "), str(number))
            return table

        _print(pruned, table, as_json=as_json)

    _run(work)


@cli.command()
def check(as_json: AsJson = False) -> None:
    """Look at configuration, database and bank: what is wrong, and how to mend it."""
    settings = _settings()

    async def run() -> dict[str, str | None]:
        async with open_container(settings) as container:
            found: dict[str, str | None] = {"configuration": None, "database": await container.storage().problem()}
            try:
                await container.gateway().check_credentials()
                found["bank"] = None
            except GatewayError as error:
                found["bank"] = str(error)
            if found["database"] is None:
                waiting = await container.storage().read(lambda uow: uow.orders.needing_attention(100))
                ids = ", ".join(order.id for order in waiting)
                found["attention"] = f"{len(waiting)} order(s) need attention: {ids}" if waiting else None
                stuck = await container.storage().read(lambda uow: uow.subscriptions.never_due(100))
                names = ", ".join(stuck)
                found["due"] = f"nobody will look at {len(stuck)} subscription(s): {names}" if stuck else None
            return found

    found = asyncio.run(run())

    def table() -> Table:
        table = _table("what", "verdict")
        for what, problem in found.items():
            table.add_row(what, problem or "good")
        return table

    _print(
        {what: {"ok": problem is None, "problem": problem} for what, problem in found.items()}, table, as_json=as_json
    )
    raise typer.Exit(FAILED if any(found.values()) else 0)


@order_commands.command("show")
def order_show(order_id: str, as_json: AsJson = False) -> None:
    """One order with its history and the callbacks that spoke of it."""

    async def work(container: Container, _settings: Settings) -> None:
        timeline = await container.views().timeline(OPERATOR, order_id)

        def table() -> Table:
            table = _table("", "")
            for name, value in [
                *order_history.facts(timeline.order),
                *(("attention", why) for why in timeline.order.attention),
            ]:
                table.add_row(name, value)
            for one in order_history.happenings(timeline):
                table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", f"{one.what} {one.detail}".rstrip())
            return table

        value = {
            **_order_json(timeline.order),
            "history": timeline.history,
            "callbacks": timeline.callbacks,
            "entries": timeline.entries,
            "events": [{"type": event.name, "id": event.id, "at": event.at} for event in timeline.events],
        }
        _print(value, table, as_json=as_json)

    _run(work)


@order_commands.command("list")
def order_list(
    tenant: Tenant = None,
    state: Annotated[OrderState | None, typer.Option(help="Only this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Orders, newest first."""

    async def work(container: Container, _settings: Settings) -> None:
        orders = await container.storage().read(lambda uow: uow.orders.listed(tenant, state, limit))

        def table() -> Table:
            table = _table("order", "tenant", "state", "amount", "code", "created (UTC)", "attention")
            for order in orders:
                created = f"{order.created_at:%Y-%m-%d %H:%M}"
                attention = "; ".join(order.attention)
                table.add_row(
                    order.id, order.tenant_id, order.state, str(order.amount), order.response_code, created, attention
                )
            return table

        _print([_order_json(order) for order in orders], table, as_json=as_json)

    _run(work)


@order_commands.command("refund")
def order_refund(
    order_id: str,
    amount: Annotated[str, typer.Option(help="How much; all that is left where not given.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the history.")] = "",
    refund_id: Annotated[
        str, typer.Option(help="A UUID of your own for this refund: asking again with it is asking once.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Refund a payment. The money goes later; `order show` tells when it has gone.

    Repeated after an error, it takes up the same refund again: with --refund-id always, without it where the refund
    may not have reached the bank.
    """
    try:
        wanted = Decimal(amount) if amount else None
    except InvalidOperation:
        raise typer.BadParameter(f"{amount!r} is not an amount such as 10.50", param_hint="--amount") from None

    async def work(container: Container, _settings: Settings) -> None:
        order, refund = await container.refunds().refund(
            OPERATOR, order_id, wanted, reason, refund_id=refund_id or None
        )
        left = "all of it" if refund.amount == order.captured else f"of {order.captured}"
        _print(
            {"order_id": order.id, "refund_id": refund.id, "amount": refund.amount, "state": refund.state},
            lambda: f"Asked the bank to refund {refund.amount}, {left}. Refund {refund.id}.",
            as_json=as_json,
        )

    _run(work)


@order_commands.command("resolve")
def order_resolve(
    order_id: str,
    reason: Annotated[str, typer.Option(help="What you found and did.")],
    as_json: AsJson = False,
) -> None:
    """Say that what an order needed attention for is dealt with; it is counted no more."""

    async def work(container: Container, _settings: Settings) -> None:
        order = await container.settlement().resolve(OPERATOR, order_id, reason)
        _print(_order_json(order), lambda: f"{order.id} needs no attention any more.", as_json=as_json)

    _run(work)


@subscription_commands.command("show")
def subscription_show(tenant: str, as_json: AsJson = False) -> None:
    """A tenant's subscription as it is now, with its cards and invoices."""
    check_tenant_id(tenant)
    who = Principal(tenant_id=tenant, tenant_name=tenant, user_id="cli", scopes=frozenset({Scope.READ}))

    async def work(container: Container, _settings: Settings) -> None:
        view = await container.views().subscription(who)
        subscription = view.subscription
        if subscription is None:
            raise NoActiveSubscription
        cards, invoices = await container.cards().listed(who), await container.views().invoices(who)
        value = {
            "tenant_id": tenant,
            "state": subscription.state,
            "has_access": subscription.has_access(view.now),
            "plan": subscription.plan,
            "anchor": subscription.anchor,
            "paid_until": subscription.paid_until,
            "next_period": subscription.next_period,
            "access_until": subscription.access_until,
            "changes": subscription.changes,
            "failures": subscription.dunning.failures,
            "retry_at": subscription.dunning.retry_at,
            "due_at": subscription.due_at,
            "cards": cards,
            "invoices": invoices,
        }

        def table() -> Table:
            table = _table("", "")
            table.add_row("tenant", tenant)
            for name, fact in _subscription_facts(subscription, view.now):
                table.add_row(name, fact)
            for card in cards:
                default = ", the default" if card.is_default else ""
                table.add_row("card", f"{card.masked_number} {card.kind} {card.mandate}{default}")
            for invoice in invoices:
                table.add_row("invoice", f"{invoice.number} {invoice.amount} {invoice.issued_at:%Y-%m-%d}")
            return table

        _print(value, table, as_json=as_json)

    _run(work)


@subscription_commands.command("statement")
def subscription_statement(tenant: str, as_json: AsJson = False) -> None:
    """A tenant's account in the books: what it paid, what was invoiced, what went back."""
    check_tenant_id(tenant)

    async def work(container: Container, _settings: Settings) -> None:
        entries = await container.audit().statement(tenant)

        def table() -> Table | str:
            if not entries:
                return f"There are no entries of {tenant}."
            table = _table("when (UTC)", "what", "order", "from", "to", "amount")
            for entry in entries:
                at, amount = f"{entry.at:%Y-%m-%d %H:%M}", str(entry.amount)
                table.add_row(at, entry.kind, entry.order_id, entry.credit, entry.debit, amount)
            return table

        _print(entries, table, as_json=as_json)

    _run(work)


@catalogue_commands.command("load")
def catalogue_load(file: Path, as_json: AsJson = False) -> None:
    """Put a catalogue on sale, from a TOML or JSON file."""

    async def work(container: Container, _settings: Settings) -> None:
        loaded = await container.load_catalogue().load(read_catalogue(file), by=OPERATOR.name)
        value = {"version": loaded.version, "packages": len(loaded.packages), "features": len(loaded.features)}
        _print(value, lambda: f"Version {loaded.version} is on sale: {len(loaded.packages)} packages", as_json=as_json)

    _run(work)


@catalogue_commands.command("show")
def catalogue_show(as_json: AsJson = False) -> None:
    """What is on sale."""

    async def work(container: Container, _settings: Settings) -> None:
        catalogue = await container.views().catalogue()

        def table() -> Table:
            table = _table("id", "name", "model", "prices a month")
            for package in catalogue.packages:
                prices = ", ".join(str(price) for price in package.prices.values())
                table.add_row(str(package.id), package.display_name, package.pricing_model, prices)
            for feature in catalogue.features:
                prices = ", ".join(str(price) for price in feature.prices_per_seat.values())
                table.add_row(feature.key, feature.name, "per seat", prices)
            return table

        _print(catalogue, table, as_json=as_json)

    _run(work)


@event_commands.command("tail")
def events_tail(
    tenant: Tenant = None,
    limit: Limit = 20,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until stopped.")] = False,
    as_json: AsJson = False,
) -> None:
    """The last events, one a line; for programs there is GET /api/events/."""

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

    _run(work)


def _print_event(event: Event, *, as_json: bool) -> None:
    value = {**msgspec.to_builtins(event), "type": event.name}
    told = {key: one for key, one in value.items() if key not in ("id", "at", "tenant_id", "type")}
    facts = " ".join(f"{key}={json.dumps(one, ensure_ascii=False, default=str)}" for key, one in told.items())
    line = f"{event.at:%Y-%m-%d %H:%M:%S} {event.tenant_id} {event.name} {facts}"
    _print(value, lambda: line, as_json=as_json)


@token_commands.command("create")
def token_create(
    tenant: Annotated[str, typer.Option(help="Lower-case name of the tenant, as in its web address.")],
    tenant_name: Annotated[str, typer.Option(help="The name on the payment page.")] = "",
    user: Annotated[str, typer.Option(help="Whose token it is.")] = "admin",
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; may be repeated.")] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How long it is good for.")] = 400,
    never: Annotated[bool, typer.Option("--never", help="It never expires.")] = False,
    name: Annotated[str, typer.Option(help="The user's full name, masked before the bank sees it.")] = "",
    email: Annotated[str, typer.Option(help="The user's e-mail, masked before the bank sees it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a token; it is shown this once."""
    principal = Principal(
        tenant_id=tenant,
        tenant_name=tenant_name or tenant,
        user_id=user,
        scopes=frozenset(scope or [Scope.READ, Scope.WRITE]),
        full_name=name,
        email=email,
    )

    async def work(container: Container, _settings: Settings) -> None:
        lifetime = None if never else timedelta(days=days)
        token = await container.tokens().issue(principal, by=OPERATOR.name, lifetime=lifetime)
        _print({"token": token, "tenant": tenant}, lambda: token, as_json=as_json)

    _run(work)


@token_commands.command("list")
def token_list(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """Tokens by their first characters, newest first."""

    async def work(container: Container, _settings: Settings) -> None:
        tokens = await container.tokens().listed(tenant)
        rows = [
            {
                "prefix": token.prefix,
                "tenant": token.principal.tenant_id,
                "user": token.principal.user_id,
                "scopes": sorted(token.principal.scopes),
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "revoked_at": token.revoked_at,
                "issued_by": token.issued_by,
                "revoked_by": token.revoked_by,
            }
            for token in tokens
        ]

        def table() -> Table:
            table = _table("prefix", "tenant", "user", "scopes", "created", "expires", "revoked")
            for token in tokens:
                who = token.principal
                moments = [
                    f"{at:%Y-%m-%d}" if at else "" for at in (token.created_at, token.expires_at, token.revoked_at)
                ]
                table.add_row(token.prefix, who.tenant_id, who.user_id, " ".join(sorted(who.scopes)), *moments)
            return table

        _print(rows, table, as_json=as_json)

    _run(work)


@token_commands.command("revoke")
def token_revoke(prefix: str, as_json: AsJson = False) -> None:
    """Revoke the tokens that begin with PREFIX, as `token list` shows it."""

    async def work(container: Container, _settings: Settings) -> int:
        revoked = await container.tokens().revoke(prefix, by=OPERATOR.name)
        _print({"revoked": revoked}, lambda: f"{revoked} revoked", as_json=as_json)
        return 0 if revoked else FAILED

    _run(work)


def _subscription_facts(subscription: Subscription, now: datetime) -> Iterator[tuple[str, str]]:
    access = "access" if subscription.has_access(now) else "no access"
    yield "state", f"{subscription.state}, {access}"
    plan = subscription.plan
    if plan is not None:
        yield "plan", f"{plan.name}, {plan.selection.seats} seats, {plan.price} a month"
    for name, moment in (
        ("paid until", subscription.paid_until),
        ("access until", subscription.access_until),
        ("tried again", subscription.dunning.retry_at),
        ("due next", subscription.due_at),
    ):
        if moment is not None:
            yield name, f"{moment:%Y-%m-%d %H:%M} UTC"
    for change in subscription.changes:
        yield "changes to", f"{change.plan.name}, {change.plan.price} a month, from period {change.period}"


def _order_json(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "tenant_id": order.tenant_id,
        "state": order.state,
        "amount": order.amount,
        "captured": order.captured,
        "refunded": order.refunded,
        "refunds": order.refunds,
        "saves_card": order.saves_card,
        "bank_order_id": order.bank_order_id,
        "payment_url": order.payment_url,
        "response_code": order.response_code,
        "reject_reason": order.reject_reason,
        "period": order.period,
        "attention": order.attention,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "check_at": order.check_at,
    }
