"""Clients generated from /openapi.json compile, and pay at the simulated bank."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from echodesk_billing.entrypoints.http.routes import ROUTES
from tests.integration import clients
from tests.integration.parts import ROOT, Demo, running_demo

PAID = {"amount": "60.00", "status": "paid", "active": True, "cost": "60.00"}


@pytest.fixture(scope="module")
async def demo(workspace: Path) -> AsyncIterator[Demo]:
    async with running_demo(workspace / "demo-for-clients", token="demo-token-for-clients") as demo:
        yield demo


@pytest.fixture(scope="module")
async def document(demo: Demo, workspace: Path) -> Path:
    """/openapi.json in a file."""
    path = workspace / "openapi.json"
    path.write_bytes((await demo.client.get("/openapi.json")).raw)
    return path


async def test_the_typescript_types_are_current_compile_and_pay(demo: Demo, document: Path, workspace: Path) -> None:
    await clients.install_typescript()
    await clients.types_of(document, workspace / "schema.d.ts")
    written = clients.TYPESCRIPT / "src" / "schema.d.ts"
    assert (workspace / "schema.d.ts").read_text() == written.read_text(), "stale: run make clients"
    await clients.node("node_modules/.bin/tsc", "--outDir", ROOT / "build" / "typescript")
    modules = ROOT / "build" / "typescript" / "node_modules"
    if not modules.is_symlink():
        modules.symlink_to(clients.TYPESCRIPT / "node_modules")
    (ROOT / "build" / "typescript" / "package.json").write_text('{"type": "module"}')
    printed = await clients.node(
        ROOT / "build" / "typescript" / "test" / "pay.js", demo.client.url, demo.bank, demo.client.token
    )
    assert json.loads(printed) == {**PAID, "refused": "There is no package 99; packages: 1, 2, 3, 4"}


async def test_a_generated_python_client_pays(demo: Demo, document: Path, workspace: Path) -> None:
    python = await clients.install_python(ROOT / "build" / "python-client")
    package = workspace / "python" / "billing_client"
    package.parent.mkdir(exist_ok=True)
    config = workspace / "python" / "config.json"
    config.write_text(json.dumps({"content_type_overrides": {"application/pdf": "application/octet-stream"}}))
    generate = ("-m", "openapi_python_client", "generate", "--path", document, "--config", config, "--meta", "none")
    printed = await clients.run(python, *generate, "--output-path", package, "--overwrite")
    assert "Cannot parse" not in printed
    assert "Unable to" not in printed
    assert len(list(package.glob("api/*/*.py"))) > len(ROUTES)
    script = Path(__file__).parent / "pay_with_client.py"
    paid = await clients.run(
        python, script, demo.client.url, demo.bank, demo.client.token, PYTHONPATH=str(package.parent)
    )
    assert json.loads(paid) == PAID
