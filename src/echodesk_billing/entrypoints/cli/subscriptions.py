"""`subscription`: show a tenant's subscription and account."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from echodesk_billing.domain.errors import (
    NoActiveSubscription,
)
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.cli.terminal import AsJson, TenantId, run_command, show, table_of
from echodesk_billing.ports.access import Principal, Scope

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Subscriptions of tenants.")


@commands.command("show")
def subscription_show(tenant: TenantId, as_json: AsJson = False) -> None:
    """Show a tenant's subscription with its cards and invoices."""
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
            "pause": subscription.pause,
            "complimentary": subscription.complimentary,
            "failures": subscription.dunning.failures,
            "retry_at": subscription.dunning.retry_at,
            "due_at": subscription.due_at,
            "cards": cards,
            "invoices": invoices,
        }

        def table() -> Table:
            table = table_of("", "")
            table.add_row("tenant", tenant)
            for name, fact in _subscription_facts(subscription, view.now):
                table.add_row(name, fact)
            for card in cards:
                default = ", the default" if card.is_default else ""
                table.add_row("card", f"{card.masked_number} {card.kind} {card.mandate}{default}")
            for invoice in invoices:
                table.add_row("invoice", f"{invoice.number} {invoice.amount} {invoice.issued_at:%Y-%m-%d}")
            return table

        show(value, table, as_json=as_json)

    run_command(work)


@commands.command("list")
def subscription_list(
    state: Annotated[SubscriptionState | None, typer.Option(help="Only those in this state.")] = None,
    after: Annotated[str, typer.Option(help="Only tenants after this one, in the order of their ids.")] = "",
    as_json: AsJson = False,
) -> None:
    """List subscriptions by tenant, fifty at a time."""

    async def work(container: Container, _settings: Settings) -> None:
        page = await container.lists().subscriptions(state, after)

        def table() -> Table | str:
            if not page.items:
                return "There are no subscriptions."
            table = table_of("tenant", "state", "plan", "seats", "price", "paid until (UTC)")
            for one in page.items:
                plan, until = one.plan, one.paid_until
                told = (plan.name, str(plan.selection.seats), str(plan.price)) if plan else ("", "", "")
                table.add_row(one.tenant_id, one.state, *told, f"{until:%Y-%m-%d %H:%M}" if until else "")
            table.caption = f"more: --after {page.next}" if page.next else None
            return table

        items = [
            {"tenant_id": one.tenant_id, "state": one.state, "plan": one.plan, "paid_until": one.paid_until}
            for one in page.items
        ]
        show({"subscriptions": items, "next": page.next}, table, as_json=as_json)

    run_command(work)


@commands.command("statement")
def subscription_statement(tenant: TenantId, as_json: AsJson = False) -> None:
    """Show a tenant's account: payments, invoices, refunds."""

    async def work(container: Container, _settings: Settings) -> None:
        entries = await container.audit().statement(tenant)

        def table() -> Table | str:
            if not entries:
                return f"There are no entries of {tenant}."
            table = table_of("when (UTC)", "what", "order", "from", "to", "amount")
            for entry in entries:
                at, amount = f"{entry.at:%Y-%m-%d %H:%M}", str(entry.amount)
                table.add_row(at, entry.kind, entry.order_id, entry.credit, entry.debit, amount)
            return table

        show(entries, table, as_json=as_json)

    run_command(work)


def _subscription_facts(subscription: Subscription, now: datetime) -> Iterator[tuple[str, str]]:
    access = "access" if subscription.has_access(now) else "no access"
    yield "state", f"{subscription.state}, {access}"
    plan = subscription.plan
    if plan is not None:
        yield "plan", f"{plan.name}, {plan.selection.seats} seats, {plan.price} a month"
    if subscription.complimentary is not None and subscription.is_free(now):
        until = subscription.complimentary.until
        yield "complimentary", f"until {until:%Y-%m-%d}" if until else "for good"
    if subscription.pause is not None:
        resumes = subscription.pause.until
        yield "paused", f"{_pause_from(subscription)}until {f'{resumes:%Y-%m-%d}' if resumes else 'it is resumed'}"
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


def _pause_from(subscription: Subscription) -> str:
    return "" if subscription.state is SubscriptionState.PAUSED else f"from {subscription.term.end:%Y-%m-%d} "
