"""The environment of a running demo, in a file that the commands beside it pick up."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from dotenv import dotenv_values

from echodesk_billing.settings import Settings

FILE = Path("var/demo.env")
_OWN = ("BILLING_LOG_FORMAT", "BILLING_LOG_LEVEL")
_SQLITE = "sqlite:///"


@contextmanager
def written_for_commands(settings: Settings) -> Iterator[Path | None]:
    """Keep the file while the block runs; None where another demo of this folder keeps it.

    The file is locked for as long, so that what a killed demo left behind is not believed.
    """
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(FILE, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        file.truncate()
        file.write("".join(f"{name}={_quoted(value)}\n" for name, value in _variables(settings).items()))
        file.flush()
        try:
            yield FILE
        finally:
            FILE.unlink(missing_ok=True)


def beside_demo(environment: Mapping[str, str]) -> Mapping[str, str] | None:
    """The environment for talking to the demo that runs in this folder.

    None where none runs, or where `environment` names another database.
    """
    try:
        with FILE.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:  # a running demo holds it
        pass
    except OSError:
        return None
    else:
        return None
    variables = {name: value for name, value in dotenv_values(FILE, interpolate=False).items() if value is not None}
    wanted = environment.get("DATABASE_URL", "").strip() or Settings().database_url
    if _absolute(wanted) != variables.get("DATABASE_URL"):
        return None
    return {**environment, **variables}


def _variables(settings: Settings) -> dict[str, str]:
    """What differs from the defaults."""
    defaults = msgspec.to_builtins(Settings())
    chosen = {name: value for name, value in msgspec.to_builtins(settings).items() if value != defaults[name]}
    chosen["DATABASE_URL"] = _absolute(settings.database_url)
    return {name: str(value) for name, value in chosen.items() if name not in _OWN}


def _quoted(value: str) -> str:
    """In quotes that a shell and `.env` files understand, on one line: line ends are escaped."""
    return "'" + value.replace("\n", "\\n") + "'"


def _absolute(database_url: str) -> str:
    path = database_url.removeprefix(_SQLITE)
    return database_url if path == database_url else f"{_SQLITE}{Path(path).absolute()}"
