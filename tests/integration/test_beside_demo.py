"""Commands beside a running `make run`: they talk to the demo by themselves, and only to that."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import define

from tests.integration.parts import Client, Forge, Process, clean_environment, free_port, start_shell

MINE = "a-token-of-mine"
PROGRAM = f"{sys.executable} -m echodesk_billing"


@define
class Folder:
    """A folder in which somebody starts the demo and commands."""

    path: Path
    forge: Forge
    started: int = 0

    async def demo(self, **environment: str) -> Process:
        self.started += 1
        given = clean_environment({"BILLING_PORT": str(free_port()), "SANDBOX_PORT": str(free_port()), **environment})
        return await start_shell(self.path / f"demo-{self.started}.log", given, f"{PROGRAM} dev", self.path)

    async def command(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """Exit code and output of a command in this folder."""
        self.started += 1
        output = self.path / f"command-{self.started}.log"
        quiet = {"BILLING_LOG_LEVEL": "error", **environment}
        return await self.forge.run(output, quiet, *arguments, folder=self.path)

    async def orders(self, **environment: str) -> list[dict[str, Any]]:
        code, printed = await self.command("order", "list", "--json", **environment)
        assert code == 0, printed
        listed: list[dict[str, Any]] = json.loads(printed)
        return listed


@pytest.fixture
def folder(tmp_path: Path, forge: Forge) -> Folder:
    return Folder(tmp_path, forge)


def printed(process: Process, key: str) -> str:
    return next(line.partition(": ")[2] for line in process.printed.splitlines() if line.startswith(f"{key}: "))


async def test_commands_talk_to_the_demo_of_their_folder_until_it_ends_and_its_token_too(folder: Folder) -> None:
    first = await folder.demo(BILLING_DEMO_TOKEN=MINE)
    await first.ready()
    assert printed(first, "environment") == "var/demo.env"
    assert (folder.path / "var/demo.env").stat().st_mode & 0o077 == 0
    async with aiohttp.ClientSession() as http:
        customer = Client(printed(first, "service"), http, printed(first, "token"))
        bought = await customer.buy()
        assert [order["order_id"] for order in await folder.orders()] == [bought["order_id"]]
        code, said = await folder.command("check")
        assert (code, "bank" in said) == (0, True), said  # a token from the simulated bank
        code, said = await folder.command("reconcile", "--json")
        assert (code, [one["order_id"] for one in json.loads(said)]) == (0, [bought["order_id"]])
        elsewhere = f"sqlite:///{folder.path}/other.sqlite3"
        assert await folder.orders(DATABASE_URL=elsewhere) == []

        second = await folder.demo(DATABASE_URL=elsewhere)  # a second one in the same folder leaves the first alone
        await second.ready()
        assert "environment: " not in second.printed
        assert await second.stop() == 0
        assert len(await folder.orders()) == 1

        first.process.send_signal(signal.SIGKILL)
        await first.process.wait()
        assert (folder.path / "var/demo.env").exists()
        code, said = await folder.command("check")
        assert "BOG_CLIENT_ID" in said  # nobody believes what a killed demo left behind

        for chosen in ("", MINE):
            later = await folder.demo(BILLING_DEMO_TOKEN=chosen)
            await later.ready()
            same = Client(printed(later, "service"), http, MINE)
            assert (await same.get("/api/subscription/me/")).status == (200 if chosen else 401)
            assert await later.stop(signal.SIGINT) == 0
            assert not (folder.path / "var/demo.env").exists()


@pytest.mark.parametrize("variable", ["BILLING_PORT", "SANDBOX_PORT"])
async def test_a_taken_port_names_its_variable(folder: Folder, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        demo = await folder.demo(**{variable: str(port)})
        assert await asyncio.wait_for(demo.process.wait(), 30) == 2
    assert f"{variable} is {port}" in demo.printed
    assert f"set {variable} to a free port" in demo.printed
    assert "Traceback" not in demo.printed
