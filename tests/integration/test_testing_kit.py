"""The test kit for programs that embed billing: the pytest plugin, and the mixin for Django."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from echodesk_billing import OrderState
from echodesk_billing.sync import Billing
from echodesk_billing.testing import Sandbox
from echodesk_billing.testing.sandbox import POOR_CARD
from tests.integration.parts import run_python


def test_a_month_passes_and_the_subscription_renews_itself(billing: Billing, bog_sandbox: Sandbox) -> None:
    order = billing.checkout(tenant_id="acme", features=["tickets"], seats=2)
    bog_sandbox.pay(order)
    assert billing.status(order.id, tenant_id="acme").state is OrderState.COMPLETED
    bog_sandbox.advance(timedelta(days=31))
    (renewed,) = billing.renew()
    assert renewed.amount == order.amount


def test_a_card_is_declined_and_each_test_begins_anew(billing: Billing, bog_sandbox: Sandbox) -> None:
    assert billing.subscription("acme").subscription is None
    order = billing.checkout(tenant_id="acme", package_id=1)
    assert order.payment_url is not None
    bog_sandbox.pay(order.payment_url, POOR_CARD)
    declined = billing.status(order.id, tenant_id="acme")
    assert (declined.state, declined.response_code) == (OrderState.REJECTED, "107")


def test_faults_are_planned(billing: Billing, bog_sandbox: Sandbox) -> None:
    bog_sandbox.fault("callback", "drop")
    order = billing.checkout(tenant_id="acme", package_id=1)
    bog_sandbox.hear = None  # nobody will hear of it
    bog_sandbox.pay(order)
    assert billing.status(order.id, tenant_id="acme").state is OrderState.PROCESSING
    billing.reconcile(older_than=timedelta(0))
    assert billing.status(order.id, tenant_id="acme").state is OrderState.COMPLETED


DJANGO_TEST = """
from django.test import TestCase
from echodesk_billing.testing.django import BillingTestMixin


class BuyingTest(BillingTestMixin, TestCase):
    def test_a_feature_is_bought_and_ends(self):
        host = {"host": "acme.crm.example"}
        self.assertEqual(self.client.get("/tickets/", headers=host).status_code, 402)
        order = self.billing.checkout(tenant_id="acme", features=["tickets"], seats=1, save_card="no")
        self.bank.pay(order)
        self.assertEqual(self.client.get("/tickets/", headers=host).content, b"tickets")
        self.advance(60 * 86400)
        self.assertEqual(self.client.get("/tickets/", headers=host).status_code, 402)

    def test_the_api_is_there(self):
        self.assertEqual(self.client.get("/api/features/", headers={"host": "crm.example"}).json()["count"], 8)
"""


async def test_djangos_test_case_has_a_bank_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "test_buying.py").write_text(DJANGO_TEST)
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "import django; django.setup()\n"
        "from django.test.runner import DiscoverRunner\n"
        "sys.exit(DiscoverRunner(verbosity=2).run_tests(['test_buying']))\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.integration.django_project.settings"}
    process = await run_python(tmp_path / "django.log", environment, script)
    async with asyncio.timeout(90):
        code = await process.process.wait()
    assert (code, "Ran 2 tests" in process.printed) == (0, True), process.printed


def test_an_address_that_is_no_payment_page_is_named(bog_sandbox: Sandbox) -> None:
    with pytest.raises(KeyError, match="order_id"):
        bog_sandbox.pay("https://elsewhere.example/")
