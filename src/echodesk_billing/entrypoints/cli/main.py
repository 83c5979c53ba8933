"""`echodesk-billing`: the command line."""

from __future__ import annotations

import json
import sys
from typing import Annotated, NoReturn

import typer

from echodesk_billing._version import __version__
from echodesk_billing.domain.errors import (
    BillingError,
    InvalidCatalogue,
    InvalidMoney,
    InvalidSelection,
    InvalidTenant,
)
from echodesk_billing.entrypoints.cli import (
    accounting,
    catalogue,
    coupons,
    customers,
    events,
    importing,
    mails,
    operations,
    orders,
    service,
    statistics,
    subscription_acts,
    tokens,
    transfers,
    webhooks,
)
from echodesk_billing.entrypoints.cli.terminal import FAILED, WRONG_USE, err, out
from echodesk_billing.setting_values import InvalidSettings

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Subscriptions through the Bank of Georgia.",
)
cli.add_typer(service.commands)
cli.add_typer(operations.commands)
cli.add_typer(statistics.commands)
cli.add_typer(orders.commands, name="order")
cli.add_typer(subscription_acts.commands, name="subscription")
cli.add_typer(customers.commands, name="customer")
cli.add_typer(transfers.proformas, name="proforma")
cli.add_typer(transfers.payments, name="payment")
cli.add_typer(accounting.invoices, name="invoices")
cli.add_typer(accounting.ledger, name="ledger")
cli.add_typer(catalogue.commands, name="catalogue")
cli.add_typer(coupons.commands, name="coupon")
cli.add_typer(events.commands, name="events")
cli.add_typer(importing.commands, name="import")
cli.add_typer(mails.commands, name="mail")
cli.add_typer(tokens.commands, name="token")
cli.add_typer(webhooks.commands, name="webhooks")

UsageError: type[typer.BadParameter] = typer.BadParameter.__mro__[1]  # it has no public name


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(__version__)
        raise typer.Exit


@cli.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Subscriptions through the Bank of Georgia."""


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
