"""`subscription`: what an operator may do about a tenant's subscription."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import evolve

from echodesk_billing.domain.subscriptions.gifts import MOST_DAYS
from echodesk_billing.domain.subscriptions.purchase import chosen
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.cli import subscriptions
from echodesk_billing.entrypoints.cli.terminal import OPERATOR, AsJson, TenantId, a_day, run_command, show

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = subscriptions.commands
Reason = Annotated[str, typer.Option(help="Why, for the record.")]
Until = Annotated[str | None, typer.Option(help="A day, as 2026-12-31.")]


@commands.command("give-days")
def subscription_give_days(
    tenant: TenantId,
    days: Annotated[int, typer.Argument(min=1, max=MOST_DAYS, help="How many.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Give days of access after the paid time, or from now; nothing is charged for them."""

    async def work(container: Container, _settings: Settings) -> None:
        subscription = await container.subscription_acts().give_days(OPERATOR, tenant, days, reason)
        value = {"tenant_id": tenant, "state": subscription.state, "paid_until": subscription.paid_until}
        until = subscription.paid_until
        show(value, lambda: f"{tenant} is {subscription.state}, until {until:%Y-%m-%d %H:%M} UTC", as_json=as_json)

    run_command(work)


@commands.command("retry")
def subscription_retry(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    as_json: AsJson = False,
) -> None:
    """Charge the saved card for the owed period now."""

    async def work(container: Container, _settings: Settings) -> None:
        order = await container.operator_acts().retry(OPERATOR, tenant, reason)
        value = {"tenant_id": tenant, "order_id": order.id, "amount": order.amount, "state": order.state}
        show(value, lambda: f"{order.id} charges {order.amount}: it is {order.state}", as_json=as_json)

    run_command(work)


@commands.command("complimentary")
def subscription_complimentary(
    tenant: TenantId,
    reason: Reason,
    until: Until = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="Instead of --until.")] = False,
    package: Annotated[int | None, typer.Option(help="The plan of a tenant that has none.")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="The same, as a set of features.")] = None,
    seats: Annotated[int, typer.Option(min=1, help="Of that plan.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Charge nothing after the paid time: until a day, from which it is charged again, or for good."""
    if (until is None) != for_good:
        raise typer.BadParameter("give either --until DAY or --for-good", param_hint="--until")
    day, selection = _day(until), chosen(package, feature or (), seats)

    async def work(container: Container, _settings: Settings) -> None:
        acts = container.subscription_acts()
        _show(await acts.make_complimentary(OPERATOR, tenant, reason, until=day, selection=selection), as_json=as_json)

    run_command(work)


@commands.command("pause")
def subscription_pause(tenant: TenantId, reason: Reason, until: Until = None, as_json: AsJson = False) -> None:
    """Pause at the end of the paid time, until a day or until it is resumed; nothing is charged meanwhile."""
    day = _day(until)

    async def work(container: Container, _settings: Settings) -> None:
        _show(await container.subscription_acts().pause(OPERATOR, tenant, reason, until=day), as_json=as_json)

    run_command(work)


@commands.command("resume")
def subscription_resume(
    tenant: TenantId,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
    as_json: AsJson = False,
) -> None:
    """End a pause now, take back a planned one, or undo a cancellation."""

    async def work(container: Container, _settings: Settings) -> None:
        _show(await container.cancel().resume(evolve(OPERATOR, tenant_id=tenant), reason), as_json=as_json)

    run_command(work)


def _day(text: str | None) -> date | None:
    return None if text is None else a_day(text, "--until")


def _show(subscription: Subscription, *, as_json: bool) -> None:
    value = {
        "tenant_id": subscription.tenant_id,
        "state": subscription.state,
        "paid_until": subscription.paid_until,
        "access_until": subscription.access_until,
        "pause": subscription.pause,
        "complimentary": subscription.complimentary,
    }
    until = subscription.paid_until
    told = f"{subscription.tenant_id} is {subscription.state}, until {until:%Y-%m-%d %H:%M} UTC"
    show(value, lambda: told, as_json=as_json)
