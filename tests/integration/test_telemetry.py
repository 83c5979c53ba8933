"""What is seen from outside: metrics of money and bank, a worker's own port, and traces across processes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from attrs import Factory, define
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bog_sandbox.callbacks import Signer
from echodesk_billing import load_settings
from echodesk_billing.container import open_container
from tests.builders import principal
from tests.integration.conftest import Service, service_environment
from tests.integration.parts import Bank, Client, free_port, prepare, running_bank, start

MONTH = 32 * 86400


@define
class Told:
    """A span, as the collector got it."""

    trace: str
    id: str
    parent: str
    name: str
    failed: bool


@define
class Collector:
    """A collector of traces in memory, which takes OTLP over HTTP."""

    url: str = ""
    spans: list[Told] = Factory(list)
    raw: bytes = b""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.raw += body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    self.spans.append(
                        Told(
                            span.trace_id.hex(),
                            span.span_id.hex(),
                            span.parent_span_id.hex(),
                            span.name,
                            span.status.code == 2,
                        )
                    )
        return web.Response(body=b"", content_type="application/x-protobuf")

    async def tree(self, root: str, wanted: set[str]) -> list[Told]:
        """The spans of the trace that begins with `root` and has all that is wanted; waits for them."""
        async with asyncio.timeout(30):
            while True:
                for first in [one for one in self.spans if one.name == root and not one.parent]:
                    mine = [one for one in self.spans if one.trace == first.trace]
                    if wanted <= {one.name for one in mine}:
                        return mine
                await asyncio.sleep(0.1)


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1/traces"
    yield collector
    await runner.cleanup()


def connected(spans: list[Told]) -> bool:
    """Whether they are one tree."""
    ids = {one.id for one in spans}
    return sum(not one.parent for one in spans) == 1 and all(one.parent in ids for one in spans if one.parent)


async def test_a_payment_and_a_renewal_are_one_trace_each_across_processes(
    tmp_path: Path, new_database: Callable[[], Awaitable[str]]
) -> None:
    async with collecting() as collector, running_bank(tmp_path / "bank.log") as bank:
        work_port = free_port()
        environment = {
            **await service_environment(bank, await new_database(), Signer()),
            "BILLING_WORK_EVERY_SECONDS": "0.2",
            "BILLING_OTLP_URL": collector.url,
            "BILLING_WORK_PORT": str(work_port),
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }
        settings = load_settings(environment)
        async with open_container(settings) as container:
            await prepare(container, settings)
            token = await container.tokens().issue(principal("acme"), lifetime=None)
        service = await start(tmp_path / "service.log", environment, "echodesk_billing", "serve")
        worker = await start(tmp_path / "worker.log", environment, "echodesk_billing", "work")
        await asyncio.gather(service.ready(), worker.ready())
        client = Client(f"http://127.0.0.1:{settings.port}", bank.http, token)
        payment = await client.buy(package_id=1, seats=1)
        wanted = {"Checkout.buy", "transaction", "bank create_order"}
        paid = await collector.tree("POST /api/payments/create/", wanted)
        assert connected(paid)
        assert not any(one.failed for one in paid)

        await bank.pay(payment["bank_order_id"])
        assert await bank.answered(payment["bank_order_id"]) == [200]
        heard = await collector.tree("POST /api/payments/webhook/", {"ReceiveCallback.receive", "transaction"})
        assert connected(heard)
        await bank.control("POST", "clock", {"advance": MONTH})
        wanted = {"job tend", "Renew.tend", "transaction", "bank create_order"}
        renewed = await collector.tree("chore renewals", wanted)
        assert connected(renewed)

        async with bank.http.get(f"http://127.0.0.1:{work_port}/metrics") as answer:
            seen = await answer.text()
            assert answer.status == 200
        assert "billing_queue_jobs_waiting" in seen
        for path, status in (("healthz", 200), ("readyz", 200), ("api/payments/create/", 404), ("console/", 404)):
            async with bank.http.get(f"http://127.0.0.1:{work_port}/{path}") as answer:
                assert answer.status == status, path
        for process in (service, worker):
            assert await asyncio.wait_for(process.stop(), 15) == 0, process.printed[-2000:]
        (callback,) = await bank.callbacks(payment["bank_order_id"])
        secrets = (token, callback["signature"], "4000000000000001", "demo:demo", "acme", payment["order_id"])
        for secret in secrets:
            assert secret.encode() not in collector.raw, secret


@pytest.mark.server
async def test_metrics_tell_of_money_payments_callbacks_and_the_bank(
    service: Service, client: Client, bank: Bank
) -> None:
    async def seen() -> dict[str, float]:
        text = (await service.stranger().get("/metrics")).raw.decode()
        found = re.findall(r"^(billing_\w+(?:\{[^}]*\})?) ([\d.e+-]+)$", text, re.MULTILINE)
        return {name: float(value) for name, value in found}

    before = await seen()
    payment = await client.buy()
    await bank.pay(payment["bank_order_id"])
    assert await bank.answered(payment["bank_order_id"]) == [200]
    other = await service.client()
    declined = await other.buy()
    await bank.pay(declined["bank_order_id"], card="4000000000000002")
    assert await bank.answered(declined["bank_order_id"]) == [200]
    await service.command("order", "refund", payment["order_id"], "--amount", "10", "--reason", "x")
    after = await seen()

    def grew(name: str) -> float:
        return after.get(name, 0) - before.get(name, 0)

    assert grew('billing_money_captured_total{currency="GEL"}') == 147.0
    assert grew('billing_payments_total{code="100",outcome="paid"}') == 1
    assert grew('billing_payments_total{code="107",outcome="declined"}') == 1
    assert grew('billing_callbacks_total{outcome="applied",verdict="valid"}') == 2
    assert grew('billing_bank_calls_total{call="create_order",outcome="answered"}') == 2
    assert grew('billing_events_total{type="SubscriptionActivated"}') == 1
    assert after["billing_bank_breaker_open"] == 0
    if "postgres" in service.environment["DATABASE_URL"]:
        assert after['billing_database_connections{state="size"}'] > 0


async def test_a_taken_port_of_a_worker_names_its_variable(tmp_path: Path, bank: Bank) -> None:
    environment = await service_environment(bank, f"sqlite:///{tmp_path}/x.sqlite3", Signer())
    port = bank.url.rpartition(":")[2]
    worker = await start(
        tmp_path / "worker.log", {**environment, "BILLING_WORK_PORT": port}, "echodesk_billing", "work"
    )
    assert await asyncio.wait_for(worker.process.wait(), 20) == 2
    assert f"BILLING_WORK_PORT is {port}" in worker.printed
    assert "Traceback" not in worker.printed
