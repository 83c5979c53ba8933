"""The docs are run: every command and every Python example of them does what it says."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from echodesk_billing.entrypoints.demo.dev import DEMO_KEY
from tests.integration.parts import ROOT, Bank, Process, clean_environment, free_port

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
TOKEN = "demo-token-for-docs"


def blocks(text: str, language: str) -> list[str]:
    """The blocks of a language in a page's text."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def commands_in(block: str) -> list[str]:
    """The lines after `$` in a console block."""
    return [line.removeprefix("$ ") for line in map(str.strip, block.splitlines()) if line.startswith("$ ")]


def commands(page: Path) -> list[str]:
    """The lines after `$` in the console blocks of a page."""
    return [line for block in blocks(page.read_text(), "console") for line in commands_in(block)]


def programs(page: Path) -> list[str]:
    """The Python blocks of a page."""
    return blocks(page.read_text(), "python")


ELSEWHERE = {"django.md", "moving.md"}  # test_fresh_project.py, test_import.py
COMMANDS = [(page.name, commands(page)) for page in PAGES if commands(page) and page.name not in ELSEWHERE]
PROGRAMS = [
    pytest.param(program, id=f"{page.name}-{number}")
    for page in PAGES
    for number, program in enumerate(programs(page), 1)
    if page.name not in ELSEWHERE
]


async def run(command: str, environment: dict[str, str], folder: Path, within_seconds: float = 60) -> str:
    """Run a command as a person would; gives what it printed."""
    process = await asyncio.create_subprocess_shell(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    printed, _ = await asyncio.wait_for(process.communicate(), within_seconds)
    assert process.returncode == 0, f"{command}\n{printed.decode()}"
    return printed.decode()


QUIET = {"BILLING_LOG_LEVEL": "error", "BILLING_ENCRYPTION_KEYS": DEMO_KEY}


@pytest.fixture(scope="module")
async def made(workspace: Path) -> AsyncIterator[tuple[dict[str, str], Process]]:
    """`make run`, run by make; gives the environment of a person beside it."""
    service, bank = free_port(), free_port()
    settings = {
        "BILLING_PORT": str(service),
        "SANDBOX_PORT": str(bank),
        "DATABASE_URL": f"sqlite:///{workspace}/docs.sqlite3",
        "BILLING_DEMO_TOKEN": TOKEN,
    }
    output = workspace / "make-run.log"
    with output.open("wb") as file:
        child = await asyncio.create_subprocess_exec(
            "make", "run", cwd=ROOT, env=clean_environment(settings), stdout=file, stderr=subprocess.STDOUT
        )
    process = Process(child, output)
    await process.ready()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    yield clean_environment({**settings, "TOKEN": TOKEN, "PATH": path, **QUIET}), process
    assert await asyncio.wait_for(process.stop(), 10) in (0, -15, 2)


@pytest.mark.parametrize(("page", "lines"), COMMANDS, ids=[page for page, _ in COMMANDS])
async def test_every_command_of_the_docs_runs(
    made: tuple[dict[str, str], Process], page: str, lines: list[str]
) -> None:
    environment, _ = made
    for line in lines:
        if line in ("make run", "make test"):  # the fixture runs the one; the other runs this test
            continue
        here = line.replace("127.0.0.1:8080", f"127.0.0.1:{environment['BILLING_PORT']}")
        here = here.replace("127.0.0.1:8081", f"127.0.0.1:{environment['SANDBOX_PORT']}")
        if "first_payment.py" in here:
            here += f" http://127.0.0.1:{environment['BILLING_PORT']}"
        printed = await run(here, environment, ROOT)
        assert printed, page
        assert "Traceback" not in printed


async def test_the_readmes_first_payment_prints_what_the_readme_shows(made: tuple[dict[str, str], Process]) -> None:
    environment, _ = made
    service = f"http://127.0.0.1:{environment['BILLING_PORT']}"
    printed = await run(f'python3 examples/first_payment.py "$TOKEN" {service}', environment, ROOT)
    shown = re.search(r"first_payment.py \"\$TOKEN\"\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert shown is not None
    for line, expected in zip(printed.splitlines(), shown[1].splitlines(), strict=True):
        assert line.split()[0] == expected.split()[0]
        assert re.sub(r"[0-9A-F]{12}|http\S+|\d{4}-\d\d-\d\d", "", line) == re.sub(
            r"[0-9A-F]{12}|http\S+|\d{4}-\d\d-\d\d", "", expected
        )


async def test_make_run_prints_what_the_readme_says(made: tuple[dict[str, str], Process]) -> None:
    _, process = made
    for key in ("service", "bank", "token", "operator-token", "package"):
        assert re.search(rf"^{key}: ", process.printed, re.MULTILINE)


@pytest.mark.parametrize("program", PROGRAMS)
async def test_every_program_of_the_docs_runs_as_it_stands(bank: Bank, tmp_path: Path, program: str) -> None:
    """Beside the examples, with nothing in the environment but what the page says: `make run` in another terminal."""
    await bank.control("DELETE", "state")
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder)
    (folder / "from_the_page.py").write_text(program)
    for file in folder.glob("*.py"):
        file.write_text(file.read_text().replace("http://127.0.0.1:8081", bank.url))
    environment = clean_environment({})
    assert "Traceback" not in await run(f"{sys.executable} from_the_page.py", environment, folder)


def test_every_link_of_the_docs_leads_somewhere() -> None:
    for page in [*PAGES, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs/adr").glob("*.md"))]:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
        for target in re.findall(
            r"\]\(https://github.com/echodesk/echodesk-billing/blob/main/([^)#]+)", page.read_text()
        ):
            assert (ROOT / target).exists(), f"{page.name}: {target}"


def test_every_logged_event_is_documented_and_every_documented_one_is_logged() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "src/echodesk_billing").rglob("*.py"))
    logged = set(re.findall(r"\.(?:info|warning|error)\(\s*\"([a-z]+\.[a-z_]+)\"", sources))
    logged |= {f"report.{outcome}" for outcome in ("applied", "unchanged", "duplicate", "unconfirmed", "unknown_order")}
    documented = set(
        re.findall(r"^\| `([a-z]+\.[a-z_]+)` \|", (ROOT / "docs/troubleshooting.md").read_text(), re.MULTILINE)
    )
    assert logged == documented


def test_every_setting_is_documented() -> None:
    from echodesk_billing import Settings  # noqa: PLC0415

    page = (ROOT / "docs/configuration.md").read_text()
    for name in Settings.__struct_encode_fields__:
        assert f"`{name}`" in page, name


def test_ci_runs_the_readmes_test_command() -> None:
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()
    assert "make test" in commands(ROOT / "README.md")


def test_every_test_that_the_table_of_the_simulated_bank_names_exists() -> None:
    page = (ROOT / "docs/simulated-bank.md").read_text()
    files = ("test_plain_merchant.py", "test_sandbox.py", "test_bog_client.py")
    tests = "\n".join((ROOT / "tests/integration" / name).read_text() for name in files)
    rows = re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|$", page.partition("## What it knows")[2], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([a-z_]{12,})`", row)]
    assert len(named) > 30
    for name in named:
        assert f"def {name}(" in tests, name


def test_every_call_to_the_bank_is_in_the_table_of_calls() -> None:
    """The method of the port, where it is used, and what the simulated bank answers it with."""
    page = (ROOT / "docs/bank-calls.md").read_text()
    rows = [row for row in re.findall(r"^\|([^|]*)\|([^|]*)\|([^|]*)\|([^|]*)\|$", page, re.MULTILINE) if "`" in row[0]]
    methods = {name for _, method, _, _ in rows for name in re.findall(r"`([a-z_]+)`", method)}
    port = (ROOT / "src/echodesk_billing/ports/gateway.py").read_text()
    assert methods == set(re.findall(r"^    async def (\w+)", port, re.MULTILINE)) - {"check_credentials"}
    bank = (ROOT / "src/bog_sandbox/api.py").read_text()
    for _, method, use, simulated in rows:
        for file in re.findall(r"`(application/\w+\.py)`", use):
            assert f".{method.strip(' `')}(" in (ROOT / "src/echodesk_billing" / file).read_text(), (method, file)
        for handler in re.findall(r"`(?:Api\.)?(\w+)`", simulated):
            assert f"def {handler}(" in bank, handler
