"""`coupon`: codes that customers redeem with a payment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from echodesk_billing.domain.calendar import start_of_day
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.entrypoints.cli.terminal import OPERATOR, AsJson, a_day, run_command, show, table_of

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Coupons.")


@commands.command("create")
def coupon_create(
    code: str,
    kind: Annotated[CouponKind, typer.Argument(help="days, percent (for good) or percent_periods.")],
    value: Annotated[int, typer.Argument(help="Days, or per cent.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    periods: Annotated[int | None, typer.Option(help="How many have the lower price.")] = None,
    valid_from: Annotated[str | None, typer.Option("--from", help="The first day; today if not given.")] = None,
    valid_until: Annotated[str | None, typer.Option("--until", help="The first day on which it has expired.")] = None,
    max_uses: Annotated[int | None, typer.Option(help="By how many customers; no limit if not given.")] = None,
    package: Annotated[list[int] | None, typer.Option(help="Only for this package, once for each.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a coupon."""
    first = None if valid_from is None else a_day(valid_from, "--from")
    last = None if valid_until is None else a_day(valid_until, "--until")

    async def work(container: Container, settings: Settings) -> None:
        now = await container.clock().now()
        coupon = Coupon(
            code=code,
            kind=kind,
            value=value,
            periods=periods,
            valid_from=start_of_day(first, settings.time_zone) if first else now,
            valid_until=start_of_day(last, settings.time_zone) if last else None,
            max_uses=max_uses,
            packages=tuple(package or ()),
            created_at=now,
            reason=reason,
        )
        made = await container.coupons().create(OPERATOR, coupon)
        show(_plain(made), lambda: f"{made.code}: {_gives(made)}", as_json=as_json)

    run_command(work)


@commands.command("list")
def coupon_list(
    after: Annotated[str, typer.Option(help="Only codes after this one, for the next page.")] = "",
    as_json: AsJson = False,
) -> None:
    """List coupons by code, fifty at a time."""

    async def work(container: Container, _settings: Settings) -> None:
        found = await container.coupons().listed(after)

        def table() -> Table | str:
            if not found:
                return "There are no coupons."
            table = table_of("code", "gives", "for", "from (UTC)", "until (UTC)", "used", "of", "disabled (UTC)")
            for one in found:
                days = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (one.valid_from, one.valid_until)]
                ended = f"{one.disabled_at:%Y-%m-%d %H:%M}" if one.disabled_at else ""
                packages = ", ".join(map(str, one.packages)) or "everything"
                table.add_row(one.code, _gives(one), packages, *days, str(one.uses), str(one.max_uses or "any"), ended)
            table.caption = f"more: --after {found[-1].code}"
            return table

        show({"coupons": [_plain(one) for one in found]}, table, as_json=as_json)

    run_command(work)


@commands.command("disable")
def coupon_disable(code: str, as_json: AsJson = False) -> None:
    """End a coupon; what was redeemed stays."""

    async def work(container: Container, _settings: Settings) -> None:
        ended = await container.coupons().disable(OPERATOR, code)
        show(_plain(ended), lambda: f"{ended.code} cannot be redeemed any more", as_json=as_json)

    run_command(work)


def _gives(one: Coupon) -> str:
    match one.kind:
        case CouponKind.DAYS:
            return f"{one.value} days at the start"
        case CouponKind.PERCENT:
            return f"{one.value} % off, for good"
    return f"{one.value} % off for {one.periods} periods"


def _plain(one: Coupon) -> dict[str, object]:
    return {
        "code": one.code,
        "kind": one.kind,
        "value": one.value,
        "periods": one.periods,
        "valid_from": one.valid_from,
        "valid_until": one.valid_until,
        "max_uses": one.max_uses,
        "uses": one.uses,
        "packages": one.packages,
        "disabled_at": one.disabled_at,
        "by": one.by,
        "reason": one.reason,
    }
