"""Every route of the API answers with the fields it promises, of the types that /openapi.json is made from."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pypdfium2
import pytest

from echodesk_billing.domain.money import Money
from echodesk_billing.entrypoints.http.calls import Route
from echodesk_billing.entrypoints.http.routes import ROUTES
from echodesk_billing.ports.access import Scope
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import principal
from tests.integration.conftest import Service
from tests.integration.parts import Answer, Bank, Client

CARD = "4000000000000001"
GOOGLE = {"google_pay_token": "token"}


class Stage:
    """A tenant on its way, with what a call may need."""

    def __init__(self, service: Service, bank: Bank, client: Client, operator: Client) -> None:
        self.service, self.bank, self.client, self.operator = service, bank, client, operator

    async def pay(self, answer: Answer | dict[str, Any], **more: Any) -> dict[str, Any]:
        """Pay what an answer asks for, and wait until the service knows."""
        body: dict[str, Any] = answer if isinstance(answer, dict) else answer.body
        bank_order_id = body["payment_url"].rpartition("=")[2]
        await self.bank.pay(bank_order_id, **more)
        assert await self.bank.answered(bank_order_id) == [200]
        return body

    async def subscribed(self, **what: Any) -> dict[str, Any]:
        """The tenant bought and paid; a package where nothing else is said."""
        chosen = what or {"package_id": 2, "agent_count": 3}
        return await self.pay(await self.client.post("/api/payments/create/", chosen))

    async def with_features(self) -> None:
        """The tenant has single features."""
        await self.subscribed(features=["tickets", "whatsapp"], agent_count=2)


Call = Callable[[Stage], Awaitable[Answer]]
CALLS: dict[str, tuple[str, Call]] = {}


def call(method: str, path: str, fields: str = "") -> Callable[[Call], Call]:
    """How a route is called with success, and which fields its answer must have at least."""

    def register(made: Call) -> Call:
        CALLS[f"{method} {path}"] = (fields, made)
        return made

    return register


@call("POST", "/api/payments/create/", "payment_id payment_url amount currency status order_id")
async def create(stage: Stage) -> Answer:
    return await stage.client.post("/api/payments/create/", {"package_id": 1, "agent_count": 2})


@call(
    "GET",
    "/api/payments/status/{order_id}/",
    "payment_id order_id bank_order_id status state paid amount currency captured refunded response_code message "
    "updated_at",
)
async def status(stage: Stage) -> Answer:
    return await stage.client.get(f"/api/payments/status/{(await stage.subscribed())['order_id']}/")


@call("POST", "/api/payments/{order_id}/apple-pay/")
async def apple_pay(stage: Stage) -> Answer:
    order = await stage.client.post("/api/payments/create/", {"package_id": 1, "apple_pay": True})
    return await stage.client.post(f"/api/payments/{order.body['order_id']}/apple-pay/", {"apple_pay_token": "token"})


@call("POST", "/api/payments/{order_id}/resolve/")
async def resolve(stage: Stage) -> Answer:
    order = await stage.client.buy()
    return await stage.operator.post(f"/api/payments/{order['order_id']}/resolve/", {"note": "nothing to do"})


@call("POST", "/api/payments/{order_id}/refund/")
async def refund(stage: Stage) -> Answer:
    order = await stage.subscribed()
    return await stage.operator.post(f"/api/payments/{order['order_id']}/refund/", {"amount": 10, "reason": "late"})


async def held(stage: Stage) -> str:
    body = await stage.subscribed(package_id=1, capture="manual")
    order_id: str = body["order_id"]
    return order_id


@call("POST", "/api/payments/{order_id}/capture/")
async def capture(stage: Stage) -> Answer:
    return await stage.operator.post(f"/api/payments/{await held(stage)}/capture/")


@call("POST", "/api/payments/{order_id}/release/")
async def release(stage: Stage) -> Answer:
    return await stage.operator.post(f"/api/payments/{await held(stage)}/release/")


@call("POST", "/api/subscription/{tenant_id}/give-days/", "state")
async def give_days(stage: Stage) -> Answer:
    await stage.subscribed()
    before = (await stage.client.subscription())["subscription"]["expires_at"]
    tenant = await tenant_of(stage)
    path, body = f"/api/subscription/{tenant}/give-days/", {"days": 10, "reason": "an outage"}
    for _ in range(2):
        answer = await stage.operator.post(path, body, Idempotency_Key=f"gift of {tenant}")
    after = (await stage.client.subscription())["subscription"]["expires_at"]
    assert datetime.fromisoformat(after) - datetime.fromisoformat(before) == timedelta(days=10)
    assert (await stage.operator.post("/api/subscription/nobody-here/give-days/", body)).status == 404
    assert (await stage.operator.post(path, {**body, "days": 0})).status == 400
    return answer


@call("POST", "/api/subscription/{tenant_id}/complimentary/", "is_complimentary")
async def make_complimentary(stage: Stage) -> Answer:
    await stage.subscribed()
    path = f"/api/subscription/{await tenant_of(stage)}/complimentary/"
    assert (await stage.operator.post(path, {"reason": "a partner", "until": "2020-01-01"})).status == 422
    for _ in range(2):
        answer = await stage.operator.post(path, {"reason": "a partner"})
    mine = (await stage.client.subscription())["subscription"]
    assert (mine["is_complimentary"], mine["monthly_cost"], mine["next_billing_date"]) == (True, 0, None)
    assert (await stage.client.post("/api/payments/manual/")).status == 409
    return answer


@call("POST", "/api/subscription/{tenant_id}/pause/", "is_pause_planned")
async def pause(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.operator.post(f"/api/subscription/{await tenant_of(stage)}/pause/", {"reason": "a season"})
    mine = (await stage.client.subscription())["subscription"]
    assert (mine["paused_from"], mine["next_billing_date"]) == (mine["expires_at"], None)
    return answer


@call("POST", "/api/subscription/{tenant_id}/resume/", "state")
async def resume_of_tenant(stage: Stage) -> Answer:
    await stage.subscribed()
    path = f"/api/subscription/{await tenant_of(stage)}"
    assert (await stage.operator.post(f"{path}/resume/")).status == 409
    await stage.operator.post(f"{path}/pause/", {"reason": "a season"})
    return await stage.operator.post(f"{path}/resume/")


@call("POST", "/api/subscription/{tenant_id}/proforma/", "proforma_number")
async def create_proforma(stage: Stage) -> Answer:
    await stage.subscribed()
    return await stage.operator.post(f"/api/subscription/{await tenant_of(stage)}/proforma/", {})


@call("POST", "/api/payments/proformas/{proforma_number}/record/", "status")
async def record_transfer(stage: Stage) -> Answer:
    made = (await create_proforma(stage)).body
    path = f"/api/payments/proformas/{made['proforma_number']}/record/"
    transfer = {"amount": 1, "reference": "T1", "reason": "seen on the statement"}
    assert (await stage.operator.post(path, transfer)).status == 422
    for _ in range(2):
        answer = await stage.operator.post(path, {**transfer, "amount": made["amount"]})
    assert (await stage.operator.post(path, {**transfer, "amount": made["amount"], "reference": "T2"})).status == 409
    return answer


@call("GET", "/api/payments/proformas/{proforma_number}/pdf/")
async def proforma_pdf(stage: Stage) -> Answer:
    made = (await create_proforma(stage)).body
    return await stage.client.get(made["pdf_url"])


async def a_coupon(stage: Stage, **more: Any) -> dict[str, Any]:
    code = f"C-{uuid4().hex[:12]}".upper()
    body = {"code": code, "kind": "percent_periods", "value": 50, "periods": 3, "reason": "a campaign", **more}
    made = await stage.operator.post("/api/coupons/", body)
    assert made.status == 200, made.body
    coupon: dict[str, Any] = made.body
    return coupon


@call("POST", "/api/coupons/", "code")
async def create_coupon(stage: Stage) -> Answer:
    code = (await a_coupon(stage))["code"]
    body = {"code": code, "kind": "days", "value": 10, "reason": "again"}
    assert (await stage.operator.post("/api/coupons/", body)).status == 409
    assert (await stage.operator.post("/api/coupons/", {**body, "value": 0})).status == 422
    buying = {"package_id": 2, "agent_count": 1, "coupon": code.lower()}
    created = await stage.client.post("/api/payments/create/", buying)
    assert created.status == 200, created.body
    assert "confirm the first payment" in created.body["coupon_notice"]
    georgian = await stage.client.post("/api/payments/create/", {**buying, "coupon": "NOTHING"}, Accept_Language="ka")
    assert (georgian.status, "კუპონი" in georgian.body["error"]) == (422, True)
    return await stage.operator.post("/api/coupons/", {**body, "code": f"{code}-2"})


@call("GET", "/api/coupons/", "coupons")
async def list_coupons(stage: Stage) -> Answer:
    code = (await a_coupon(stage))["code"]
    answer = await stage.operator.get(f"/api/coupons/?after={code[:-1]}")
    assert code in [one["code"] for one in answer.body["coupons"]]
    return answer


@call("POST", "/api/coupons/{code}/disable/", "disabled_at")
async def disable_coupon(stage: Stage) -> Answer:
    code = (await a_coupon(stage))["code"]
    assert (await stage.operator.post("/api/coupons/NOTHING/disable/")).status == 404
    return await stage.operator.post(f"/api/coupons/{code}/disable/")


async def an_endpoint(stage: Stage) -> dict[str, Any]:
    made = await stage.client.post("/api/webhook-endpoints/", {"url": "https://hooks.invalid/billing"})
    assert made.status == 200, made.body
    endpoint: dict[str, Any] = made.body
    return endpoint


@call("POST", "/api/webhook-endpoints/", "secret")
async def create_endpoint(stage: Stage) -> Answer:
    for url in ("http://hooks.example", "https://127.0.0.1/", "https://10.1.2.3/", "ftp://hooks.example", "nonsense"):
        refused = await stage.client.post("/api/webhook-endpoints/", {"url": url})
        assert (refused.status, refused.body["errors"][0]["field"]) == (422, "url"), url
    body = {"url": "https://hooks.invalid/billing", "event_types": ["OrderCompleted"]}
    assert (await stage.client.post("/api/webhook-endpoints/", {**body, "event_types": ["Nothing"]})).status == 422
    first = await stage.client.post("/api/webhook-endpoints/", body, Idempotency_Key="one")
    again = await stage.client.post("/api/webhook-endpoints/", body, Idempotency_Key="one")
    assert first.body == again.body
    assert first.body["tenant_id"] not in ("", "public")
    return first


@call("GET", "/api/webhook-endpoints/", "endpoints")
async def list_endpoints(stage: Stage) -> Answer:
    made = await an_endpoint(stage)
    answer = await stage.client.get("/api/webhook-endpoints/")
    assert [(one["id"], one["secret"]) for one in answer.body["endpoints"]] == [(made["id"], None)]
    assert (await (await stage.service.client()).get("/api/webhook-endpoints/")).body["endpoints"] == []
    return answer


@call("POST", "/api/webhook-endpoints/{endpoint_id}/rotate/", "secret")
async def rotate_secret(stage: Stage) -> Answer:
    made = await an_endpoint(stage)
    answer = await stage.client.post(f"/api/webhook-endpoints/{made['id']}/rotate/")
    assert answer.body["secret"] not in (None, made["secret"])
    return answer


@call("POST", "/api/webhook-endpoints/{endpoint_id}/disable/", "disabled_at")
async def disable_endpoint(stage: Stage) -> Answer:
    path = f"/api/webhook-endpoints/{(await an_endpoint(stage))['id']}/disable/"
    assert (await (await stage.service.client()).post(path)).status == 404
    return await stage.client.post(path)


@call("POST", "/api/webhook-endpoints/{endpoint_id}/enable/", "id")
async def enable_endpoint(stage: Stage) -> Answer:
    path = f"/api/webhook-endpoints/{(await an_endpoint(stage))['id']}/"
    await stage.client.post(path + "disable/")
    return await stage.client.post(path + "enable/")


@call("POST", "/api/webhook-endpoints/{endpoint_id}/test/", "tries")
async def send_a_test(stage: Stage) -> Answer:
    answer = await stage.client.post(f"/api/webhook-endpoints/{(await an_endpoint(stage))['id']}/test/")
    assert (answer.body["type"], answer.body["tries"][0]["status"]) == ("webhook.test", None)
    return answer


@call("POST", "/api/webhook-endpoints/{endpoint_id}/replay/", "replayed")
async def replay_webhooks(stage: Stage) -> Answer:
    await stage.subscribed()
    path = f"/api/webhook-endpoints/{(await an_endpoint(stage))['id']}/"
    answer = await stage.client.post(path + "replay/", {"since": "2026-01-01T00:00:00Z"})
    assert answer.body["replayed"] > 0
    return answer


@call("GET", "/api/webhook-endpoints/{endpoint_id}/deliveries/", "deliveries")
async def list_deliveries(stage: Stage) -> Answer:
    await stage.subscribed()
    path = f"/api/webhook-endpoints/{(await an_endpoint(stage))['id']}/"
    await stage.client.post(path + "replay/", {"since": "2026-01-01T00:00:00Z"})
    answer = await stage.client.get(path + "deliveries/")
    assert "SubscriptionActivated" in [one["type"] for one in answer.body["deliveries"]]
    return answer


@call("POST", "/api/portal/sessions/", "portal_url")
async def open_portal(stage: Stage) -> Answer:
    await stage.subscribed()
    return await stage.client.post("/api/portal/sessions/")


@call("GET", "/api/stats/", "currencies")
async def stats(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.operator.get("/api/stats/")
    (gel,) = [one for one in answer.body["currencies"] if one["currency"] == "GEL"]
    assert gel["mrr"] > 0
    assert gel["months"][-1]["mrr"] == gel["mrr"]
    return answer


@call("POST", "/api/subscription/{tenant_id}/retry-charge/")
async def retry_charge(stage: Stage) -> Answer:
    await stage.subscribed()
    tenant = await tenant_of(stage)
    path = f"/api/subscription/{tenant}/retry-charge/"
    assert (await stage.operator.post(path)).status == 409
    await owes(stage.service, tenant)
    return await stage.operator.post(path)


async def tenant_of(stage: Stage) -> str:
    tenant: str = (await stage.client.get("/api/events/")).body["events"][0]["data"]["tenant_id"]
    return tenant


async def owes(service: Service, tenant: str) -> None:
    """Let the paid time of a tenant have ended an hour ago, unseen by any worker."""
    now = await service.container.clock().now()

    def work(uow: UnitOfWork) -> None:
        subscription = uow.subscriptions.lock(tenant)
        subscription.term = subscription.term.anchored(now - timedelta(hours=1))
        subscription.due_at = now + timedelta(days=1)
        uow.subscriptions.save(subscription)

    await service.container.storage().transact(work)


@call("GET", "/api/payments/{order_id}/timeline/")
async def timeline(stage: Stage) -> Answer:
    return await stage.operator.get(f"/api/payments/{(await stage.subscribed())['order_id']}/timeline/")


@call("GET", "/api/payments/invoices/", "invoices")
async def invoices(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.client.get("/api/payments/invoices/")
    (invoice,) = answer.body["invoices"]
    assert set(invoice) >= {
        "id", "invoice_number", "amount", "currency", "description", "package_name", "agent_count", "invoice_date",
        "paid_date", "due_date", "pdf_url", "pdf_generated",
    }  # fmt: skip
    assert invoice["pdf_generated"] is True
    assert (invoice["status"], invoice["refunded"]) == ("paid", 0.0)
    return answer


@call("GET", "/api/payments/invoices/{invoice_id}/pdf/")
async def invoice_pdf(stage: Stage) -> Answer:
    await stage.subscribed()
    (invoice,) = (await stage.client.get("/api/payments/invoices/")).body["invoices"]
    path = f"/api/payments/invoices/{invoice['id']}/pdf/"
    stranger = await stage.service.client()
    assert (await stranger.get(path)).status == 404
    async with stage.client.http.get(
        stage.client.url + path, headers={"Authorization": f"Token {stage.client.token}"}
    ) as response:
        pdf = await response.read()
        assert response.content_type == "application/pdf"
    assert invoice["invoice_number"] in text_of(pdf)
    return Answer(200, pdf, response.headers, pdf)


@call("GET", "/api/payments/credit-notes/{credit_note_id}/pdf/")
async def credit_note_pdf(stage: Stage) -> Answer:
    order_id = (await stage.subscribed())["order_id"]
    bank_order_id = (await stage.bank.orders(order_id))[0]["order_id"]
    asked = await stage.operator.post(f"/api/payments/{order_id}/refund/", {"amount": "7.00", "reason": "x"})
    assert asked.status < 300, asked.body
    assert [Decimal(amount) for amount in await stage.bank.refunded(order_id)] == [7]
    assert await stage.bank.answered(bank_order_id, 2) == [200, 200]
    (invoice,) = (await stage.client.get("/api/payments/invoices/")).body["invoices"]
    (note,) = invoice["credit_notes"]
    assert (invoice["status"], invoice["refunded"], note["amount"]) == ("partially_refunded", 7.0, 7.0)
    path = f"/api/payments/credit-notes/{note['id']}/pdf/"
    stranger = await stage.service.client()
    assert (await stranger.get(path)).status == 404
    for url, headers in (
        (stage.client.url + path, {"Authorization": f"Token {stage.client.token}"}),
        (note["pdf_url"], {}),
    ):
        async with stage.client.http.get(url, headers=headers) as response:
            pdf = await response.read()
            assert response.content_type == "application/pdf"
        assert note["credit_note_number"] in text_of(pdf)
    return Answer(200, pdf, response.headers, pdf)


def text_of(pdf: bytes) -> str:
    text: str = pypdfium2.PdfDocument(pdf)[0].get_textpage().get_text_range()
    return text


@call("GET", "/api/payments/invoices/pdf/{link}/")
async def linked_invoice_pdf(stage: Stage) -> Answer:
    await stage.subscribed()
    (invoice,) = (await stage.client.get("/api/payments/invoices/")).body["invoices"]
    path = invoice["pdf_url"].removeprefix(stage.client.url)
    anybody = stage.service.stranger()
    assert (await anybody.get(path.replace("pdf/g", "pdf/h"))).status == 404
    async with stage.client.http.get(invoice["pdf_url"]) as response:
        pdf = await response.read()
        assert (response.status, response.content_type) == (200, "application/pdf")
    assert invoice["invoice_number"] in text_of(pdf)
    return Answer(200, pdf, response.headers, pdf)


@call("GET", "/api/payments/saved-card/")
async def saved_cards(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.client.get("/api/payments/saved-card/")
    assert set(answer.body[0]) >= {
        "id", "card_type", "masked_card_number", "card_expiry", "saved_at", "is_active", "is_default",
        "card_save_type",
    }  # fmt: skip
    return answer


async def card_id(stage: Stage) -> int:
    await stage.subscribed()
    (card,) = (await stage.client.get("/api/payments/saved-card/")).body
    number: int = card["id"]
    return number


@call("DELETE", "/api/payments/saved-card/")
async def forget_card(stage: Stage) -> Answer:
    return await stage.client.call("DELETE", "/api/payments/saved-card/", {"card_id": await card_id(stage)})


@call("DELETE", "/api/payments/saved-card/remove/")
async def remove_card(stage: Stage) -> Answer:
    return await stage.client.call("DELETE", "/api/payments/saved-card/remove/", {"card_id": await card_id(stage)})


@call("DELETE", "/api/payments/saved-card/delete/")
async def delete_card(stage: Stage) -> Answer:
    await card_id(stage)
    return await stage.client.call("DELETE", "/api/payments/saved-card/delete/")


@call("POST", "/api/payments/saved-card/set-default/")
async def default_card(stage: Stage) -> Answer:
    return await stage.client.post("/api/payments/saved-card/set-default/", {"card_id": await card_id(stage)})


@call("POST", "/api/payments/saved-card/add/", "payment_url order_id")
async def add_card(stage: Stage) -> Answer:
    return await stage.client.post("/api/payments/saved-card/add/", {"make_default": True})


@call("POST", "/api/payments/saved-card/add-ecommerce/", "payment_url order_id")
async def add_card_for_payments(stage: Stage) -> Answer:
    return await stage.client.post("/api/payments/saved-card/add-ecommerce/")


@call("GET", "/api/billing-profile/")
async def profile(stage: Stage) -> Answer:
    reader = await stage.service.client(Scope.READ)
    assert (await reader.get("/api/billing-profile/")).status == 403
    return await stage.client.get("/api/billing-profile/")


@call("PATCH", "/api/billing-profile/")
async def change_profile(stage: Stage) -> Answer:
    changed = {"legal_name": "შპს აკმე", "identification_code": "404123456", "emails": ["books@acme.example"]}
    answer = await stage.client.call("PATCH", "/api/billing-profile/", changed)
    assert {name: answer.body[name] for name in changed} == changed
    for field, value, status in (
        ("identification_code", "12-", 200),
        ("identification_code", "?", 422),
        ("emails", ["nobody"], 422),
        ("language", "fr", 400),
        ("is_vat_payer", "yes", 400),
    ):
        tried = await stage.client.call("PATCH", "/api/billing-profile/", {field: value})
        assert tried.status == status, tried.body
    paid = await stage.subscribed()
    tenant = (await stage.client.get("/api/billing-profile/")).body["tenant_id"]
    (invoice,) = await stage.service.container.views().invoices(principal(tenant))
    assert (invoice.order_id, invoice.buyer) == (paid["order_id"], "შპს აკმე")
    return await stage.client.call("PATCH", "/api/billing-profile/", {"is_vat_payer": True})


@call("GET", "/api/features/", "count results")
async def catalogue_features(stage: Stage) -> Answer:
    return await stage.service.stranger().get("/api/features/")


@call("POST", "/api/payments/webhook/", "status")
async def webhook(stage: Stage) -> Answer:
    body = await stage.subscribed()
    (callback,) = await stage.bank.callbacks(body["payment_url"].rpartition("=")[2])
    return await stage.client.call(
        "POST", "/api/payments/webhook/", raw=callback["body"].encode(), Callback_Signature=callback["signature"]
    )


@call("POST", "/api/payments/cancel/", "status message access_until")
async def cancel(stage: Stage) -> Answer:
    await stage.subscribed()
    return await stage.client.post("/api/payments/cancel/")


@call(
    "GET",
    "/api/packages/",
)
async def packages(stage: Stage) -> Answer:
    return await Client(stage.client.url, stage.client.http).get("/api/packages/")


@call("GET", "/api/subscription/me/", "has_subscription package subscription features limits usage usage_limits")
async def me(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.client.get("/api/subscription/me/")
    assert set(answer.body["subscription"]) >= {
        "is_active", "state", "starts_at", "expires_at", "next_billing_date", "monthly_cost", "agent_count",
        "cancel_at_period_end", "is_trial", "trial_ends_at",
    }  # fmt: skip
    assert set(answer.body["usage_limits"]) == {"users", "whatsapp", "storage"}
    return answer


@call("POST", "/api/payments/manual/", "payment_url order_id amount currency")
async def manual(stage: Stage) -> Answer:
    await stage.subscribed()
    answer = await stage.client.post("/api/payments/manual/")
    before = (await stage.client.subscription())["subscription"]["expires_at"]
    await stage.pay(answer)
    assert (await stage.client.subscription())["subscription"]["expires_at"] > before
    return answer


@call("POST", "/api/payments/reactivate/", "payment_url order_id amount currency")
async def reactivate(stage: Stage) -> Answer:
    await stage.subscribed()
    refused = await stage.client.post("/api/payments/reactivate/")
    assert (refused.status, "active" in refused.body["error"]) == (409, True)
    await stage.client.post("/api/payments/cancel/", {"immediately": True})
    answer = await stage.client.post("/api/payments/reactivate/")
    await stage.pay(answer)
    assert (await stage.client.subscription())["subscription"]["is_active"] is True
    return answer


@call("GET", "/api/upgrade/preview/")
async def preview(stage: Stage) -> Answer:
    await stage.subscribed()
    for query, status in (("package_id=x", 400), ("package_id=99", 422), ("package_id=2", 409)):
        assert (await stage.client.get(f"/api/upgrade/preview/?{query}")).status == status
    answer = await stage.client.get("/api/upgrade/preview/?package_id=3")
    assert (answer.body["amount_due_now"], answer.body["new_monthly_cost"]) == (490.0, 490.0)
    assert answer.body["extra_days"] in range(9, 11)
    return answer


@call("POST", "/api/upgrade/immediate/", "payment_url")
async def upgrade_now(stage: Stage) -> Answer:
    await stage.subscribed()
    foreseen = await stage.client.get("/api/upgrade/preview/?package_id=2&agent_count=5")
    answer = await stage.client.post("/api/upgrade/immediate/", {"package_id": 2, "agent_count": 5})
    assert (answer.body["amount"], answer.body["extra_days"]) == (245.0, foreseen.body["extra_days"])
    await stage.pay(answer)
    mine = (await stage.client.subscription())["subscription"]
    assert (mine["monthly_cost"], mine["agent_count"]) == (245.0, 5)
    assert mine["next_billing_date"][:13] == foreseen.body["next_billing_date"][:13]
    (card,) = (await stage.client.get("/api/payments/saved-card/")).body
    assert card["is_default"] is True
    return answer


@call("POST", "/api/upgrade/scheduled/", "payment_url")
async def upgrade_later(stage: Stage) -> Answer:
    await stage.subscribed()
    bad = await stage.client.post("/api/upgrade/scheduled/", {"package_id": 1, "effective_date": "soon"})
    assert (bad.status, bad.body["errors"][0]["field"]) == (422, "effective_date")
    answer = await stage.client.post("/api/upgrade/scheduled/", {"package_id": 1})
    mine = (await stage.client.subscription())["subscription"]
    assert mine["monthly_cost"] == 147.0
    assert mine["scheduled_change"]["monthly_cost"] == 87.0
    assert mine["scheduled_change"]["effective_date"] == mine["expires_at"] == answer.body["effective_date"]
    return answer


@call("POST", "/api/upgrade/cancel-scheduled/")
async def drop_scheduled(stage: Stage) -> Answer:
    await stage.subscribed()
    assert (await stage.client.post("/api/upgrade/cancel-scheduled/")).status == 404
    await stage.client.post("/api/upgrade/scheduled/", {"package_id": 1})
    answer = await stage.client.post("/api/upgrade/cancel-scheduled/")
    assert (await stage.client.subscription())["subscription"]["scheduled_change"] is None
    return answer


@call("PUT", "/api/subscription/agent-count/", "payment_url")
async def seats(stage: Stage) -> Answer:
    await stage.subscribed()
    fewer = await stage.client.call("PUT", "/api/subscription/agent-count/", {"agent_count": 2})
    assert (fewer.body["requires_payment"], fewer.body["new_monthly_cost"]) == (False, 98.0)
    more = await stage.client.call("PUT", "/api/subscription/agent-count/", {"agent_count": 4})
    assert (more.body["requires_payment"], more.body["amount"]) == (True, 196.0)
    return more


@call("GET", "/api/subscription/features/available/", "agent_count features_by_category")
async def available(stage: Stage) -> Answer:
    await stage.with_features()
    answer = await stage.client.get("/api/subscription/features/available/")
    telephony, whatsapp, *_ = answer.body["features_by_category"]["Channels"]
    assert set(telephony) >= {
        "id", "key", "name", "description", "price_per_user_gel", "price_unlimited_gel",
        "monthly_cost_for_current_agents", "is_selected", "icon",
    }  # fmt: skip
    assert (telephony["monthly_cost_for_current_agents"], telephony["price_unlimited_gel"]) == (30.0, 300.0)
    assert (telephony["is_selected"], whatsapp["is_selected"]) == (False, True)
    return answer


@call(
    "POST",
    "/api/subscription/features/add/",
    "success requires_payment requires_authentication payment_url message feature prorated_cost new_monthly_cost "
    "days_remaining payment_charged",
)
async def add_feature(stage: Stage) -> Answer:
    await stage.with_features()
    later = await stage.client.post("/api/subscription/features/add/", {"feature_id": 4, "charge_immediately": False})
    assert (later.body["requires_payment"], later.body["prorated_cost"]) == (False, 0.0)
    answer = await stage.client.post("/api/subscription/features/add/", {"feature_id": 2})
    assert (answer.body["prorated_cost"], answer.body["new_monthly_cost"]) == (74.0, 74.0)
    await stage.pay(answer)
    assert (await stage.client.subscription())["features"]["telephony"] is True
    return answer


@call("POST", "/api/subscription/features/remove/", "success message feature cost_reduction new_monthly_cost")
async def remove_feature(stage: Stage) -> Answer:
    await stage.with_features()
    unknown = await stage.client.post("/api/subscription/features/remove/", {"feature_id": 99})
    assert (unknown.status, unknown.body["errors"][0]["field"]) == (422, "feature_id")
    answer = await stage.client.post("/api/subscription/features/remove/", {"feature_id": 3})
    assert (answer.body["cost_reduction"], answer.body["new_monthly_cost"]) == (20.0, 24.0)
    return answer


@call("POST", "/api/subscription/resume/")
async def resume(stage: Stage) -> Answer:
    await stage.subscribed()
    assert (await stage.client.post("/api/subscription/resume/")).status == 409
    await stage.client.post("/api/payments/cancel/")
    answer = await stage.client.post("/api/subscription/resume/")
    assert (await stage.client.subscription())["subscription"]["cancel_at_period_end"] is False
    return answer


@call("POST", "/api/subscription/trial/")
async def trial(stage: Stage) -> Answer:
    answer = await stage.client.post("/api/subscription/trial/", {"package_id": 2, "agent_count": 2})
    mine = answer.body["subscription"]
    assert (mine["is_trial"], mine["is_active"], mine["state"]) == (True, True, "trialing")
    assert mine["trial_ends_at"] == mine["expires_at"]
    assert (await stage.client.post("/api/subscription/trial/", {"package_id": 2})).status == 409
    return answer


def registration(name: str) -> dict[str, Any]:
    return {
        "name": "Acme LLC",
        "schema_name": name,
        "admin_email": "nino@acme.example",
        "admin_first_name": "Nino",
        "admin_last_name": "Beridze",
        "package_id": 2,
        "agent_count": 2,
        "payload": {"password": "s3cr3t-of-the-crm"},
    }


@call("POST", "/api/register-with-payment/", "payment_url payment_id amount currency")
async def register(stage: Stage) -> Answer:
    public = Client(stage.client.url, stage.client.http)
    name = f"new-{secrets.token_hex(4)}"
    for changes, status, field in (
        ({"admin_email": "nobody"}, 422, "admin_email"),
        ({"package_id": None}, 422, "package_id"),
        ({"name": ""}, 422, "company_name"),
        ({"payment_provider": "paddle"}, 422, "payment_provider"),
        ({"feature_ids": [99], "package_id": None}, 422, "feature_id"),
        ({"language": "fr"}, 400, "language"),
    ):
        bad = await public.post("/api/register-with-payment/", {**registration(name), **changes})
        assert (bad.status, bad.body["errors"][0]["field"]) == (status, field)
    for reserved in ("A b", "public", "pg_x"):
        bad = await public.post("/api/register-with-payment/", {**registration(name), "schema_name": reserved})
        assert (bad.status, reserved in bad.body["error"]) == (422, True)
    answer = await public.post("/api/register-with-payment/", registration(name))
    other = {**registration(name), "admin_email": "other@acme.example"}
    taken = await public.post("/api/register-with-payment/", other)
    assert (taken.status, "is taken" in taken.body["error"]) == (409, True)
    assert answer.status == 201
    return Answer(200, answer.body, answer.headers, answer.raw)


@call("GET", "/api/registrations/{order_id}/")
async def registration_payload(stage: Stage) -> Answer:
    public = Client(stage.client.url, stage.client.http)
    made = await public.post("/api/register-with-payment/", registration(f"new-{secrets.token_hex(4)}"))
    path = f"/api/registrations/{made.body['order_id']}/"
    assert (await stage.client.get(path)).status == 404
    answer = await stage.operator.get(path)
    assert answer.body["payload"] == {"password": "s3cr3t-of-the-crm"}
    assert "s3cr3t-of-the-crm" not in stage.service.process.printed
    return answer


@call("GET", "/api/events/")
async def events(stage: Stage) -> Answer:
    await stage.subscribed()
    first = await stage.client.get("/api/events/")
    types = [event["type"] for event in first.body["events"]]
    assert types[:2] == ["OrderCreated", "OrderCompleted"]
    assert "SubscriptionActivated" in types
    nothing = await stage.client.get(f"/api/events/?after={first.body['next']}")
    assert nothing.body == {"events": [], "next": None}
    await stage.client.post("/api/payments/cancel/")
    answer = await stage.client.get(f"/api/events/?after={first.body['next']}&wait=5")
    assert [event["type"] for event in answer.body["events"]] == ["SubscriptionCancelled"]
    assert (await stage.client.get("/api/events/?wait=x")).status == 400
    return answer


@call("GET", "/healthz", "status")
async def alive(stage: Stage) -> Answer:
    return await stage.client.get("/healthz")


@call("GET", "/readyz", "status database gateway")
async def ready(stage: Stage) -> Answer:
    return await stage.client.get("/readyz")


OURS = [route for route in ROUTES if not route.path.startswith("/api/")]


@pytest.mark.standalone
@pytest.mark.parametrize("route", OURS, ids=lambda route: route.path)
async def test_health_has_the_promised_fields_and_types(
    service: Service, bank: Bank, client: Client, route: Route
) -> None:
    await test_the_answer_has_the_promised_fields_and_types(service, bank, client, route)


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if route not in OURS],
    ids=lambda route: f"{route.method} {route.path}",
)
async def test_the_answer_has_the_promised_fields_and_types(
    service: Service, bank: Bank, client: Client, route: Route
) -> None:
    fields, made = CALLS[f"{route.method} {route.path}"]
    operator = await service.client(Scope.OPERATOR)
    answer = await made(Stage(service, bank, client, operator))
    assert answer.status == 200, answer.body
    if route.gives is bytes:
        return
    decoded = msgspec.json.decode(answer.raw, type=route.gives, strict=True)
    assert msgspec.json.Encoder(decimal_format="number").encode(decoded) == answer.raw
    if fields:
        assert set(answer.body) >= set(fields.split())


def test_every_route_has_its_call() -> None:
    assert set(CALLS) == {f"{route.method} {route.path}" for route in ROUTES}


async def test_a_registered_tenant_is_created_when_it_is_paid(service: Service, bank: Bank) -> None:
    public = service.stranger()
    name = f"new-{secrets.token_hex(4)}"
    made = await public.post("/api/register-with-payment/", registration(name))
    assert made.body["amount"] == float(Money.parse("98.00").amount)
    bank_order_id = made.body["payment_url"].rpartition("=")[2]
    await bank.pay(bank_order_id)
    assert await bank.answered(bank_order_id) == [200]
    tenant = await service.client(tenant_id=name)
    assert (await tenant.subscription())["subscription"]["is_active"] is True
    found = await tenant.get("/api/events/")
    assert found.status == 200, found.body
    happened = found.body["events"]
    (born,) = [event for event in happened if event["type"] == "TenantRegistered"]
    assert born["data"]["admin_email"] == "nino@acme.example"
    assert "s3cr3t" not in str(happened)
    again = await public.post("/api/register-with-payment/", registration(name))
    assert again.status == 409
