"""`webhooks`: endpoints to which events are sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.table import Table

from echodesk_billing.domain.calendar import start_of_day
from echodesk_billing.domain.notifications.webhook import Endpoint
from echodesk_billing.entrypoints.cli.terminal import FAILED, OPERATOR, AsJson, Tenant, run_command, show, table_of

if TYPE_CHECKING:
    from echodesk_billing.application.webhooks import WithSecret
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Webhooks: endpoints to which events are sent.")

Reason = Annotated[str, typer.Option(help="Why, for the record.")]


@commands.command("create")
def webhooks_create(
    url: Annotated[str, typer.Argument(help="An https:// address.")],
    reason: Reason,
    tenant: Tenant = None,
    event: Annotated[list[str] | None, typer.Option(help="Only this type of event, once for each.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an endpoint, for the events of one tenant or of all, and print its secret once."""

    async def work(container: Container, _settings: Settings) -> None:
        made = await container.webhooks().create(OPERATOR, url, event or (), tenant_id=tenant, reason=reason)
        _show_secret(made, as_json=as_json)

    run_command(work)


@commands.command("list")
def webhooks_list(
    after: Annotated[str, typer.Option(help="Only ids after this one, for the next page.")] = "",
    as_json: AsJson = False,
) -> None:
    """List endpoints, fifty at a time."""

    async def work(container: Container, _settings: Settings) -> None:
        found = await container.webhooks().listed(OPERATOR, after)

        def table() -> Table | str:
            if not found:
                return "There are no webhook endpoints."
            table = table_of("endpoint", "tenant", "address", "events", "state")
            for one in found:
                table.add_row(one.id, one.tenant_id or "all", one.url, ", ".join(one.event_types) or "all", _state(one))
            table.caption = f"more: --after {found[-1].id}"
            return table

        show({"endpoints": [_plain(one) for one in found]}, table, as_json=as_json)

    run_command(work)


@commands.command("rotate")
def webhooks_rotate(endpoint: str, reason: Reason, as_json: AsJson = False) -> None:
    """Make a new secret and print it once; the old one signs beside it for a day."""

    async def work(container: Container, _settings: Settings) -> None:
        _show_secret(await container.webhooks().rotate(OPERATOR, endpoint, reason), as_json=as_json)

    run_command(work)


@commands.command("enable")
def webhooks_enable(endpoint: str, reason: Reason, as_json: AsJson = False) -> None:
    """Send to an endpoint again, first what was waiting."""

    async def work(container: Container, _settings: Settings) -> None:
        one = await container.webhooks().enable(OPERATOR, endpoint, reason)
        show(_plain(one), lambda: f"{one.id} is enabled", as_json=as_json)

    run_command(work)


@commands.command("disable")
def webhooks_disable(endpoint: str, reason: Reason, as_json: AsJson = False) -> None:
    """Send nothing to an endpoint until it is enabled."""

    async def work(container: Container, _settings: Settings) -> None:
        one = await container.webhooks().disable(OPERATOR, endpoint, reason)
        show(_plain(one), lambda: f"{one.id} is disabled", as_json=as_json)

    run_command(work)


@commands.command("test")
def webhooks_test(endpoint: str, as_json: AsJson = False) -> None:
    """Send a test message now, and print the answer."""

    async def work(container: Container, _settings: Settings) -> int:
        sent = await container.webhooks().test(OPERATOR, endpoint)
        tried = sent.tries[-1]
        said = f"answered {tried.status}" if not tried.problem else f"failed: {tried.problem}"
        show(sent, lambda: f"{sent.message_id} {said}, in {tried.milliseconds} ms", as_json=as_json)
        return FAILED if tried.problem else 0

    run_command(work)


@commands.command("replay")
def webhooks_replay(
    endpoint: str,
    since: Annotated[str, typer.Option(help="A day, or a moment such as 2026-11-26T09:30:00+04:00.")],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Send the events since a moment again, with the same ids."""

    async def work(container: Container, settings: Settings) -> None:
        number = await container.webhooks().replay(OPERATOR, endpoint, _moment(since, settings), reason)
        show({"replayed": number}, lambda: f"{number} event(s) are sent again", as_json=as_json)

    run_command(work)


@commands.command("deliveries")
def webhooks_deliveries(
    endpoint: str,
    before: Annotated[int, typer.Option(min=0, help="Only numbers below this one, for the next page.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List what was sent to an endpoint, newest first, fifty at a time; with --json its bodies and answers too."""

    async def work(container: Container, _settings: Settings) -> None:
        found = await container.webhooks().deliveries(OPERATOR, endpoint, before)

        def table() -> Table | str:
            if not found:
                return "Nothing was sent."
            table = table_of("number", "event", "type", "made (UTC)", "state", "attempts", "last answer")
            for one in found:
                last = one.tries[-1] if one.tries else None
                said = (last.problem or f"{last.status}") if last else ""
                made = f"{one.created_at:%Y-%m-%d %H:%M}"
                table.add_row(str(one.number), one.message_id, one.type, made, one.state, str(len(one.tries)), said)
            table.caption = f"more: --before {found[-1].number}"
            return table

        show({"deliveries": found}, table, as_json=as_json)

    run_command(work)


def _moment(text: str, settings: Settings) -> datetime:
    """A moment from a day in the time zone of the settings, or from ISO 8601 with its offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is not None and len(text) == len("2026-11-26"):
        return start_of_day(moment.date(), settings.time_zone)
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(f"{text!r} is not a day, or a moment with its offset from UTC", param_hint="--since")
    return moment


def _show_secret(made: WithSecret, *, as_json: bool) -> None:
    show(
        {**_plain(made.endpoint), "secret": made.secret},
        lambda: f"{made.endpoint.id}\nsecret: {made.secret}",
        as_json=as_json,
    )


def _state(one: Endpoint) -> str:
    if one.disabled_at is not None:
        return f"disabled since {one.disabled_at:%Y-%m-%d %H:%M} UTC"
    return f"fails since {one.failing_since:%Y-%m-%d %H:%M} UTC" if one.failing_since else "works"


def _plain(one: Endpoint) -> dict[str, object]:
    plain = msgspec.to_builtins(one)
    return {name: value for name, value in plain.items() if name not in ("secrets", "version")}
