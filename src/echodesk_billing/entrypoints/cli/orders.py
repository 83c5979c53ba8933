"""`order`: show, list, refund and resolve payments."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.entrypoints.cli.terminal import OPERATOR, AsJson, Limit, Tenant, run_command, show, table_of

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.domain.orders.order import Order
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Payments.")


@commands.command("show")
def order_show(order_id: str, as_json: AsJson = False) -> None:
    """Show an order with its history and callbacks."""
    from echodesk_billing.entrypoints import order_history  # noqa: PLC0415

    async def work(container: Container, _settings: Settings) -> None:
        timeline = await container.views().timeline(OPERATOR, order_id)

        def table() -> Table:
            table = table_of("", "")
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
        show(value, table, as_json=as_json)

    run_command(work)


@commands.command("list")
def order_list(
    tenant: Tenant = None,
    state: Annotated[OrderState | None, typer.Option(help="Only this state.")] = None,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """List orders, newest first."""

    async def work(container: Container, _settings: Settings) -> None:
        orders = await container.storage().read(lambda uow: uow.orders.listed(tenant, state, limit))

        def table() -> Table:
            table = table_of("order", "tenant", "state", "amount", "code", "created (UTC)", "attention")
            for order in orders:
                created = f"{order.created_at:%Y-%m-%d %H:%M}"
                attention = "; ".join(order.attention)
                table.add_row(
                    order.id, order.tenant_id, order.state, str(order.amount), order.response_code, created, attention
                )
            return table

        show([_order_json(order) for order in orders], table, as_json=as_json)

    run_command(work)


@commands.command("refund")
def order_refund(
    order_id: str,
    amount: Annotated[str, typer.Option(help="The amount (default: all that is left).")] = "",
    reason: Annotated[str, typer.Option(help="The reason, for the history.")] = "",
    refund_id: Annotated[
        str, typer.Option(help="Your own UUID for this refund: repeating it with the same UUID refunds once.")
    ] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="End the tenant's subscription now, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Refund a payment. The bank executes it later; `order show` shows when it is done.

    Repeated after an error, it resumes the same refund: with --refund-id always, without it where the refund
    may not have reached the bank.
    """
    try:
        wanted = Decimal(amount) if amount else None
    except InvalidOperation:
        raise typer.BadParameter(f"{amount!r} is not an amount such as 10.50", param_hint="--amount") from None

    async def work(container: Container, _settings: Settings) -> None:
        order, refund = await container.operator_acts().refund(
            OPERATOR, order_id, wanted, reason, refund_id=refund_id or None, cancel_subscription=cancel
        )
        left = "all of it" if refund.amount == order.captured else f"of {order.captured}"
        show(
            {"order_id": order.id, "refund_id": refund.id, "amount": refund.amount, "state": refund.state},
            lambda: f"Asked the bank to refund {refund.amount}, {left}. Refund {refund.id}.",
            as_json=as_json,
        )

    run_command(work)


@commands.command("resolve")
def order_resolve(
    order_id: str,
    reason: Annotated[str, typer.Option(help="What you found and did.")],
    as_json: AsJson = False,
) -> None:
    """Resolve an order that needs attention."""

    async def work(container: Container, _settings: Settings) -> None:
        order = await container.settlement().resolve(OPERATOR, order_id, reason)
        show(_order_json(order), lambda: f"{order.id} no longer needs attention.", as_json=as_json)

    run_command(work)


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
