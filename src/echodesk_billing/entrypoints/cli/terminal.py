"""Shared by all commands: the terminal, options, running and printing.

What only a running command needs is imported when it runs, so that `--help` and typing errors are answered soon.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.ports.access import Principal, Scope

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

FAILED = 1
WRONG_USE = 2
PAGE_WIDTH = 200


def _operator() -> Principal:
    """The operating system's user who runs this command."""
    try:
        user = f"cli:{getpass.getuser()}"
    except (OSError, KeyError):  # a user without a name
        user = f"cli:{os.getuid()}"
    return Principal(tenant_id="", tenant_name="", user_id=user, scopes=frozenset({Scope.OPERATOR}))


OPERATOR = _operator()


def _only_tenant(value: str | None) -> str | None:
    return None if value is None else check_tenant_id(value)


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

Limit = Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")]

Tenant = Annotated[
    str | None,
    typer.Option(help="Only this tenant.", callback=_only_tenant),
]


TenantId = Annotated[str, typer.Argument(help="The tenant's id.", callback=_only_tenant)]


class Terminal(Console):
    """A console that prints outside text literally: without markup and control characters."""

    def render_str(self, text: str, **options: Any) -> Text:
        """The text without control characters."""
        return super().render_str(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", text), **options)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

out = Terminal(width=None if sys.stdout.isatty() else PAGE_WIDTH, markup=False, emoji=False)

err = Terminal(stderr=True, markup=False, emoji=False)


def configured_settings(*, joins_demo: bool = True) -> Settings:
    """Load the settings and configure logging.

    Args:
        joins_demo: beside a running `make run` in this folder, talk to its bank and database.

    Raises:
        InvalidSettings: a variable is invalid or missing.
    """
    from echodesk_billing.entrypoints.demo.environment import beside_demo  # noqa: PLC0415
    from echodesk_billing.logs import configure_logs  # noqa: PLC0415
    from echodesk_billing.settings import load_settings, process_environment  # noqa: PLC0415

    environment = process_environment()
    demo = beside_demo(environment) if joins_demo else None
    settings = load_settings(environment if demo is None else demo)
    if demo is not None and err.is_terminal:
        err.print("This is the demo that runs in this folder.", style="dim")
    configure_logs(settings.log_format, settings.log_level)
    return settings


def run_command(
    work: Callable[[Container, Settings], Coroutine[Any, Any, int | None]], *, joins_demo: bool = True
) -> None:
    """Run `work` with an open container; its result is the exit code.

    Args:
        joins_demo: beside a running `make run` in this folder, talk to its bank and database.
    """
    from echodesk_billing.container import open_ready_container  # noqa: PLC0415

    settings = configured_settings(joins_demo=joins_demo)

    async def run() -> int | None:
        async with open_ready_container(settings) as container:
            return await work(container, settings)

    with asyncio.Runner(loop_factory=_fastest_loop()) as runner:
        code = runner.run(run())
    raise typer.Exit(code or 0)


def _fastest_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The loop factory of uvloop where the extra [speed] is installed; None for asyncio's default."""
    try:
        import uvloop  # noqa: PLC0415 - the extra [speed] is optional
    except ImportError:
        return None
    return uvloop.new_event_loop


def show(value: Any, table: Callable[[], Table | str], *, as_json: bool) -> None:
    """Print `value` as JSON or as a table."""
    if as_json:
        plain = json.loads(msgspec.json.encode(value))
        out.print_json(data=plain) if out.is_terminal else print(json.dumps(plain, ensure_ascii=False))  # noqa: T201
    else:
        out.print(table(), soft_wrap=isinstance(table, str))


def table_of(*columns: str) -> Table:
    """A table without rows."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=number == 0)
    return table


def progress_bar() -> Progress:
    """A progress bar on a terminal; nothing otherwise."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=err, disable=not err.is_terminal)


def a_day(text: str, option: str) -> date:
    """The day that an option names.

    Raises:
        BadParameter: it is none.
    """
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day such as 2026-01-31", param_hint=option) from None
