"""Real parts: databases, processes, a browser. Each is started once and used by many tests."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from attrs import Factory, define
from playwright.async_api import Browser, Page

from echodesk_billing import Settings
from echodesk_billing.container import Container
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.server.serving import packaged, prepare_queue
from tests.integration import described

START_WITHIN_SECONDS = 30
ROOT = Path(__file__).parent.parent.parent


async def prepare(container: Container, settings: Settings) -> None:
    """Make the tables of a database, those of the workers too, and put the demo catalogue on sale."""
    await container.storage().migrate()
    await prepare_queue(settings)
    await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))


def free_port() -> int:
    """A port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without billing's variables, with `changes`."""
    ours = ("BOG_", "BILLING_", "DATABASE_URL", "API_DOMAIN", "FRONTEND_URL", "SANDBOX_PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, **changes}


@define
class Process:
    """A process of ours, with what it has printed."""

    process: asyncio.subprocess.Process | Forked
    output: Path

    @property
    def printed(self) -> str:
        """Its standard output and error so far."""
        return self.output.read_text()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """End it; gives its exit code."""
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        return await self.process.wait()

    async def ready(self) -> None:
        """Wait until it has printed `ready`."""
        async with asyncio.timeout(START_WITHIN_SECONDS):
            while "\nready\n" not in "\n" + self.printed:
                if self.process.returncode is not None:
                    raise AssertionError(f"it ended with {self.process.returncode}:\n{self.printed}")
                await asyncio.sleep(0.02)

    async def listening(self, port: int) -> None:
        """Wait until it takes connections."""
        async with asyncio.timeout(START_WITHIN_SECONDS):
            while True:
                with contextlib.suppress(ConnectionRefusedError):
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    return
                if self.process.returncode is not None:
                    raise AssertionError(f"it ended with {self.process.returncode}:\n{self.printed}")
                await asyncio.sleep(0.05)


async def start_shell(output: Path, environment: Mapping[str, str], command: str, folder: Path) -> Process:
    """Start a command as a person would, with its output in a file."""
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_shell(
            f"exec {command}", cwd=folder, env=environment, stdout=file, stderr=file
        )
    return Process(process, output)


async def start(output: Path, environment: Mapping[str, str], *arguments: str) -> Process:
    """Start `python -m …`, with its output in a file; `echodesk_billing` from the forge, where there is one."""
    if FORGES and arguments[0] == "echodesk_billing":
        return Process(await FORGES[-1].start(output, environment, *arguments[1:]), output)
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *arguments,
            env=clean_environment(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    return Process(process, output)


async def run_python(output: Path, environment: Mapping[str, str], script: str) -> Process:
    """Start a script, with its output in a file."""
    with output.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            script,
            env=clean_environment(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
        )
    return Process(process, output)


@define
class Forked:
    """A program that the forge has forked, with what tests use of `asyncio.subprocess.Process`."""

    pid: int
    ended: asyncio.Future[int]

    @property
    def returncode(self) -> int | None:
        """Its exit code, negative for a signal; None while it runs."""
        return self.ended.result() if self.ended.done() else None

    async def wait(self) -> int:
        """Wait until it ends; gives its exit code."""
        return await asyncio.shield(self.ended)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        if self.ended.done():
            raise ProcessLookupError
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


@define
class Forge:
    """Programs of ours, forked from one warm interpreter."""

    process: asyncio.subprocess.Process
    listening: asyncio.Task[None] | None = None
    asked: deque[asyncio.Future[int]] = Factory(deque)
    running: dict[int, asyncio.Future[int]] = Factory(dict)

    async def start(self, output: Path, environment: Mapping[str, str], *arguments: str, folder: Path = ROOT) -> Forked:
        """Start `echodesk-billing` in a folder."""
        if self.process.stdin is None:
            raise AssertionError("the forge was started without pipes")
        order = {
            "arguments": arguments,
            "environment": clean_environment(environment),
            "folder": str(folder),
            "output": str(output),
        }
        _touch(output)
        made: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.asked.append(made)
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        pid = await asyncio.wait_for(made, START_WITHIN_SECONDS)
        return Forked(pid, self.running[pid])

    async def run(
        self, output: Path, environment: Mapping[str, str], *arguments: str, folder: Path = ROOT
    ) -> tuple[int, str]:
        """Run `echodesk-billing` in a folder; gives its exit code and what it printed."""
        forked = await self.start(output, environment, *arguments, folder=folder)
        return await asyncio.wait_for(forked.wait(), 60), _text(output)

    async def listen(self) -> None:
        """Hear which programs were started, and which have ended."""
        if self.process.stdout is None:
            raise AssertionError("the forge was started without pipes")
        while line := await self.process.stdout.readline():
            told = json.loads(line)
            if "code" in told:
                self.running.pop(told["pid"]).set_result(told["code"])
            else:
                self.running[told["pid"]] = asyncio.get_running_loop().create_future()
                self.asked.popleft().set_result(told["pid"])


FORGES: list[Forge] = []


def _touch(file: Path) -> None:
    file.touch()


def _text(file: Path) -> str:
    return file.read_text()


@asynccontextmanager
async def forging() -> AsyncIterator[Forge]:
    """A forge while the block runs, which `start` uses."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.integration.forge", cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    forge = Forge(process)
    forge.listening = asyncio.create_task(forge.listen())
    FORGES.append(forge)
    yield forge
    FORGES.remove(forge)
    if process.stdin is not None:
        process.stdin.close()
    await process.wait()


@define
class Bank:
    """The simulated bank in a process of its own."""

    url: str
    http: aiohttp.ClientSession

    @property
    def environment(self) -> dict[str, str]:
        """What a service needs to use it."""
        return {
            "BOG_CLIENT_ID": "demo",
            "BOG_CLIENT_SECRET": "demo",
            "BOG_AUTH_URL": f"{self.url}/auth/realms/bog/protocol/openid-connect/token",
            "BOG_API_BASE_URL": f"{self.url}/payments/v1",
            "BILLING_CLOCK_URL": f"{self.url}/sandbox/clock",
        }

    async def control(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One of its own calls; gives its answer."""
        async with self.http.request(method, f"{self.url}/sandbox/{path}", json=body) as response:
            assert response.status < 300, (response.status, await response.text())
            return await response.json() if response.content_type == "application/json" else await response.text()

    async def pay(self, bank_order_id: str, card: str = "4000000000000001", **more: Any) -> dict[str, Any]:
        """The customer pays; gives the receipt."""
        paid: dict[str, Any] = await self.control("POST", "pay", {"order_id": bank_order_id, "card": card, **more})
        return paid

    async def fault(self, path: str, kind: str, **more: Any) -> None:
        """Let something go wrong."""
        await self.control("POST", "faults", {"path": path, "kind": kind, **more})

    async def callbacks(self, bank_order_id: str) -> list[dict[str, Any]]:
        """The callbacks about an order."""
        sent: list[dict[str, Any]] = await self.control("GET", f"callbacks?order_id={bank_order_id}")
        return sent

    async def refunded(self, our_order_id: str) -> list[str]:
        """The amounts of an order's refunds, once all that were asked for are through."""
        await self.control("POST", "clock", {"advance": 2})
        (receipt,) = await self.orders(our_order_id)
        return [action["amount"] for action in receipt["actions"] or [] if "refund" in action["action"]]

    async def orders(self, external_order_id: str) -> list[dict[str, Any]]:
        """The bank's orders by our id."""
        orders: list[dict[str, Any]] = await self.control("GET", f"orders?external_order_id={external_order_id}")
        return orders

    async def returns(self, our_order_id: str) -> tuple[str, str]:
        """Where an order sends the browser after success and after failure."""
        for call in await self.control("GET", "calls"):
            body = call["body"] if isinstance(call["body"], dict) else {}
            if body.get("external_order_id") == our_order_id:
                urls = body["redirect_urls"]
                return urls["success"], urls["fail"]
        raise AssertionError(f"the bank was not asked for {our_order_id}")

    async def answered(self, bank_order_id: str, number: int = 1) -> list[int | None]:
        """How the first `number` attempts to call back about an order were answered; waits for them."""
        async with asyncio.timeout(20):
            while True:
                attempts = [one for callback in await self.callbacks(bank_order_id) for one in callback["attempts"]]
                if len(attempts) >= number:
                    return [attempt["status"] for attempt in attempts]
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_bank(output: Path, *options: str) -> AsyncIterator[Bank]:
    """A simulated bank while the block runs."""
    port = free_port()
    process = await start(output, {}, "bog_sandbox", "--port", str(port), *options)
    async with aiohttp.ClientSession() as http:
        bank = Bank(f"http://127.0.0.1:{port}", http)
        try:
            async with asyncio.timeout(START_WITHIN_SECONDS):
                while True:
                    with contextlib.suppress(aiohttp.ClientConnectionError):
                        await bank.control("GET", "clock")
                        break
                    await asyncio.sleep(0.02)
            yield bank
        finally:
            await process.stop()


@define
class Answer:
    """What the service answered."""

    status: int
    body: Any
    headers: Mapping[str, str]
    raw: bytes


@define
class Client:
    """Somebody who calls the service."""

    url: str
    http: aiohttp.ClientSession
    token: str = ""

    async def call(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> Answer:
        """One call; header names are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("Authorization", f"Token {self.token}")
        if raw is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.http.request(method, self.url + path, json=body, data=raw, headers=sent) as response:
            content = await response.read()
            is_json = "json" in response.content_type
            parsed = await response.json(content_type=None) if is_json else content.decode(errors="replace")
            described.check(method, path, response.status, response.content_type, parsed)
            return Answer(response.status, parsed, response.headers, content)

    async def get(self, path: str, **headers: str) -> Answer:
        """GET."""
        return await self.call("GET", path, **headers)

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """POST."""
        return await self.call("POST", path, body, **headers)

    async def buy(self, package_id: int = 2, seats: int = 3, **more: Any) -> dict[str, Any]:
        """Start a payment; gives the answer, with the bank's id beside ours."""
        answer = await self.post("/api/payments/create/", {"package_id": package_id, "agent_count": seats, **more})
        assert answer.status == 200, answer.body
        return {**answer.body, "bank_order_id": answer.body["payment_url"].rpartition("=")[2]}

    async def status(self, order_id: str) -> dict[str, Any]:
        """What became of a payment."""
        answer = await self.get(f"/api/payments/status/{order_id}/")
        assert answer.status == 200, answer.body
        body: dict[str, Any] = answer.body
        return body

    async def subscription(self) -> dict[str, Any]:
        """The tenant's subscription."""
        body: dict[str, Any] = (await self.get("/api/subscription/me/")).body
        return body


@asynccontextmanager
async def page_of_the_crm(browser: Browser, origin: str, html: str) -> AsyncIterator[Page]:
    """A browser's page that is served at an origin, such as `http://localhost:8000`."""

    async def serve(_request: web.Request) -> web.Response:
        return web.Response(text=html, content_type="text/html")

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    host, port = origin.removeprefix("http://").split(":")
    await web.TCPSite(runner, host, int(port)).start()
    context = await browser.new_context()
    try:
        page = await context.new_page()
        await page.goto(origin)
        yield page
    finally:
        await context.close()
        await runner.cleanup()


def find_chromium() -> str | None:
    """A browser: `CHROMIUM`, one on the machine, or Debian's package where it may be installed."""
    if os.environ.get("CHROMIUM"):
        return os.environ["CHROMIUM"]
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    with (Path(tempfile.gettempdir()) / "installing-chromium").open("w") as alone:
        fcntl.flock(alone, fcntl.LOCK_EX)  # tests run in several processes, and apt-get refuses a second one
        found = next(filter(None, map(shutil.which, names)), None)
        if found is None and shutil.which("apt-get") and os.geteuid() == 0:
            for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
                subprocess.run(["apt-get", *command], check=False, stdout=subprocess.DEVNULL)
            found = shutil.which("chromium")
    return found


def install_playwrights_own() -> None:
    """Where there is no other browser and none may be installed: Playwright's."""
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)


@define
class Demo:
    """What `make run` runs."""

    process: Process
    client: Client
    bank: str

    def printed(self, key: str) -> list[str]:
        """The values it printed under a key."""
        return re.findall(rf"^{key}: (.*)$", self.process.printed, re.MULTILINE)


@asynccontextmanager
async def running_demo(folder: Path, token: str) -> AsyncIterator[Demo]:
    """What `make run` runs, while the block runs; it must stop cleanly."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - once
    environment = {
        "BILLING_PORT": str(free_port()),
        "SANDBOX_PORT": str(free_port()),
        "DATABASE_URL": f"sqlite:///{folder}/billing.sqlite3",
        "BILLING_DEMO_TOKEN": token,
    }
    process = await start(folder / "demo.log", environment, "echodesk_billing", "dev")
    await process.ready()
    async with aiohttp.ClientSession() as http:
        client = Client(f"http://127.0.0.1:{environment['BILLING_PORT']}", http, token)
        yield Demo(process, client, f"http://127.0.0.1:{environment['SANDBOX_PORT']}")
    assert await asyncio.wait_for(process.stop(signal.SIGINT), 10) == 0
