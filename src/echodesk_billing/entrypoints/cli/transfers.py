"""`proforma` and `payment`: paying by bank transfer."""

from __future__ import annotations

import asyncio
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from echodesk_billing.domain.accounting.proforma import Proforma
from echodesk_billing.domain.money import Currency
from echodesk_billing.domain.subscriptions.purchase import chosen
from echodesk_billing.entrypoints.cli.terminal import (
    OPERATOR,
    AsJson,
    Tenant,
    TenantId,
    a_day,
    run_command,
    show,
    table_of,
)

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

proformas = typer.Typer(no_args_is_help=True, help="Proforma invoices, for payments by bank transfer.")
payments = typer.Typer(no_args_is_help=True, help="Payments that did not pass through the card bank.")


@proformas.command("create")
def proforma_create(
    tenant: TenantId,
    package: Annotated[int | None, typer.Option(help="The tenant's own plan where nothing is chosen.")] = None,
    feature: Annotated[list[str] | None, typer.Option(help="A feature, once for each.")] = None,
    seats: Annotated[int, typer.Option(min=1)] = 1,
    interval: Annotated[int, typer.Option(min=1, help="How many months are paid.")] = 1,
    currency: Currency = Currency.GEL,
    pdf: Annotated[Path | None, typer.Option(help="Write it to this file.")] = None,
    language: Annotated[str, typer.Option(help="Of the file: ka or en.")] = "ka",
    as_json: AsJson = False,
) -> None:
    """Make a proforma invoice for one period; its number is the payment reference."""
    selection = chosen(package, feature or (), seats, interval)

    async def work(container: Container, _settings: Settings) -> None:
        transfers = container.transfers()
        made = await transfers.create_proforma(OPERATOR, tenant, selection, currency=currency)
        if pdf is not None:
            _, printed = await transfers.pdf(OPERATOR, made.number, language)
            await asyncio.to_thread(pdf.write_bytes, printed)
        account = made.details.seller.bank_account
        told = f"{made.number}: {made.amount} to {account} by {made.valid_until:%Y-%m-%d}"
        told += f"; paid today, it pays until {made.details.ends:%Y-%m-%d}"
        show(_plain(made), lambda: told, as_json=as_json)

    run_command(work)


@proformas.command("list")
def proforma_list(
    tenant: Tenant = None,
    before: Annotated[int, typer.Option(min=0, help="Only those below this id, for the next page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List proforma invoices, newest first, fifty at a time."""

    async def work(container: Container, _settings: Settings) -> None:
        found = await container.transfers().listed(tenant, before)

        def table() -> Table | str:
            if not found:
                return "There are no proforma invoices."
            table = table_of("number", "tenant", "buyer", "amount", "issued (UTC)", "paid by")
            for one in found:
                issued = f"{one.issued_at:%Y-%m-%d %H:%M}"
                table.add_row(one.number, one.tenant_id, one.buyer, str(one.amount), issued, one.order_id)
            table.caption = f"earlier ones: --before {found[-1].id}"
            return table

        show({"proformas": [_plain(one) for one in found]}, table, as_json=as_json)

    run_command(work)


@payments.command("record")
def payment_record(
    number: Annotated[str, typer.Argument(help="Of the proforma invoice, as PF-2026-000012.")],
    amount: Annotated[str, typer.Argument(help="That arrived, in its currency.")],
    reference: Annotated[str, typer.Option(help="The bank's, from the statement of your account.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    paid_on: Annotated[str | None, typer.Option("--on", help="The day on which it arrived.")] = None,
    as_json: AsJson = False,
) -> None:
    """Record the bank transfer that pays a proforma invoice."""
    day = None if paid_on is None else a_day(paid_on, "--on")
    try:
        arrived = Decimal(amount)
    except InvalidOperation:
        raise typer.BadParameter(f"{amount!r} is not an amount such as 145.00", param_hint="AMOUNT") from None

    async def work(container: Container, _settings: Settings) -> None:
        order = await container.transfers().record(OPERATOR, number, arrived, reference, reason, paid_on=day)
        value = {"order_id": order.id, "tenant_id": order.tenant_id, "amount": order.amount, "state": order.state}
        show(value, lambda: f"{order.id}: {order.amount} of {order.tenant_id} is {order.state}", as_json=as_json)

    run_command(work)


def _plain(one: Proforma) -> dict[str, object]:
    return {
        "number": one.number,
        "tenant_id": one.tenant_id,
        "amount": one.amount,
        "plan": one.plan.name,
        "bank_account": one.details.seller.bank_account,
        "issued_at": one.issued_at,
        "valid_until": one.valid_until,
        "paid_until": one.details.ends,
        "order_id": one.order_id,
    }
