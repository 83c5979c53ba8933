"""What the CRM's deployed frontend reads, field by field with its JSON type, one test per call.

Written from how the frontend uses each field, not from our schemas.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

import pytest

from echodesk_billing.ports.access import Scope
from tests.integration.conftest import Service
from tests.integration.parts import Answer, Bank, Client

Shape = Any
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def text(value: object) -> bool:
    return isinstance(value, str)


def filled(value: object) -> bool:
    return isinstance(value, str) and value != ""


def flag(value: object) -> bool:
    return isinstance(value, bool)


def moment(value: object) -> bool:
    return isinstance(value, str) and MOMENT.fullmatch(value) is not None


def day(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def price_text(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+\.\d\d", value) is not None


def maybe(shape: Shape) -> Callable[[object], bool]:
    return lambda value: value is None or not list(unlike(value, shape, ""))


def one_of(*values: object) -> Callable[[object], bool]:
    return lambda value: value in values


def unlike(value: Any, shape: Shape, where: str) -> list[str]:
    """Where a value is not as the frontend expects it."""
    if callable(shape):
        return [] if shape(value) else [f"{where}: {value!r}"]
    if isinstance(shape, list):
        if not isinstance(value, list) or not value:
            return [f"{where}: {value!r} is not a list with something in it"]
        return [said for number, one in enumerate(value) for said in unlike(one, shape[0], f"{where}[{number}]")]
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is not an object"]
    missing = [f"{where}.{name} is missing" for name in shape if name not in value]
    return missing + [
        said for name, inner in shape.items() if name in value for said in unlike(value[name], inner, f"{where}.{name}")
    ]


def fits(answer: Answer, shape: Shape, status: int = 200) -> Any:
    assert answer.status == status, answer.body
    assert unlike(answer.body, shape, "") == []
    return answer.body


async def pay(bank: Bank, answer: Answer) -> None:
    bank_order_id = answer.body["payment_url"].rpartition("=")[2]
    await bank.pay(bank_order_id)
    assert await bank.answered(bank_order_id) == [200]


async def subscribed(bank: Bank, client: Client, **what: Any) -> None:
    """The tenant has a set of features for five agents, or what else is said."""
    chosen = what or {"features": ["tickets", "whatsapp"], "agent_count": 5}
    await pay(bank, await client.post("/api/payments/create/", chosen))


LIMIT = {
    "within_limit": flag,
    "current": number,
    "limit": maybe(number),
    "usage_percentage": number,
    "percent_used": number,
    "is_exceeded": flag,
    "is_near_limit": flag,
}
ME = {
    "has_subscription": flag,
    "package": maybe({"id": whole, "name": filled, "display_name": filled, "pricing_model": one_of("agent", "crm")}),
    "subscription": {
        "is_active": flag,
        "state": filled,
        "subscription_type": one_of("paid", "trial"),
        "starts_at": moment,
        "expires_at": moment,
        "next_billing_date": maybe(moment),
        "monthly_cost": number,
        "agent_count": whole,
        "cancel_at_period_end": flag,
        "is_trial": flag,
        "trial_ends_at": maybe(moment),
    },
    "features": {"tickets": flag, "telephony": flag, "reports": flag, "users": flag},
    "selected_features": [{"id": whole, "key": filled, "name": filled, "price_per_user_gel": number}],
    "agent_count": whole,
    "current_users": whole,
    "limits": {"max_users": maybe(whole), "max_whatsapp_messages": whole, "max_storage_gb": number},
    "usage": {"current_users": number, "whatsapp_messages_used": number, "storage_used_gb": number},
    "usage_limits": {"users": LIMIT, "whatsapp": LIMIT, "storage": LIMIT},
}


async def test_my_subscription_of_features(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    me = fits(await client.get("/api/subscription/me/"), ME)
    assert (me["package"], me["agent_count"], me["subscription"]["monthly_cost"]) == (None, 5, 110.0)
    assert {one["key"] for one in me["selected_features"]} == {"users", "knowledge_base", "tickets", "whatsapp"}
    assert {key for key, is_on in me["features"].items() if is_on} == {"users", "knowledge_base", "tickets", "whatsapp"}
    assert me["limits"] == {"max_users": 5, "max_whatsapp_messages": 10_500, "max_storage_gb": 5}


async def test_my_subscription_of_a_package(bank: Bank, client: Client) -> None:
    await subscribed(bank, client, package_id="2", agent_count=3)
    me = fits(await client.get("/api/subscription/me/"), ME)
    assert me["package"] == {"id": 2, "name": "business", "display_name": "Business", "pricing_model": "agent"}
    assert me["subscription"]["monthly_cost"] == 147.0


async def test_an_ended_subscription_still_shows_what_there_was_so_that_it_can_be_paid_again(
    bank: Bank, client: Client
) -> None:
    await subscribed(bank, client)
    await client.post("/api/payments/cancel/", {"immediately": True})
    me = fits(await client.get("/api/subscription/me/"), ME)
    assert (me["has_subscription"], me["subscription"]["is_active"], me["subscription"]["state"]) == (
        True,
        False,
        "ended",
    )
    assert not any(me["features"].values())
    assert (await client.get("/api/subscription/features/available/")).body["agent_count"] == 5
    assert me["subscription"]["monthly_cost"] == 110.0


async def test_before_the_first_payment_there_is_no_subscription(client: Client) -> None:
    await client.post("/api/payments/create/", {"package_id": 1})
    me = (await client.get("/api/subscription/me/")).body
    assert (me["has_subscription"], me["subscription"], me["package"]) == (False, None, None)
    assert me["features"]["tickets"] is False


async def test_the_features_that_can_be_bought(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    feature = {
        "id": whole, "key": filled, "name": filled, "description": text, "price_per_user_gel": number,
        "price_unlimited_gel": maybe(number), "monthly_cost_for_current_agents": number, "is_selected": flag,
        "is_required": flag, "icon": text,
    }  # fmt: skip
    shape = {"Core Features": [feature], "Channels": [feature]}
    body = fits(
        await client.get("/api/subscription/features/available/"),
        {"agent_count": whole, "features_by_category": shape},
    )
    users, knowledge, tickets = body["features_by_category"]["Core Features"]
    assert (users["price_per_user_gel"], users["is_required"], users["is_selected"]) == (0.0, True, True)
    assert (tickets["monthly_cost_for_current_agents"], tickets["is_required"]) == (60.0, False)
    georgian = (await client.get("/api/subscription/features/available/", Accept_Language="ka")).body
    assert "ძირითადი ფუნქციები" in georgian["features_by_category"]
    assert knowledge["key"] == "knowledge_base"


async def test_a_feature_is_added(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    answer = await client.post("/api/subscription/features/add/", {"feature_id": 4, "charge_immediately": True})
    added = fits(
        answer,
        {
            "success": flag, "requires_payment": flag, "requires_authentication": flag, "payment_url": filled,
            "message": filled, "feature": {"id": whole, "key": filled, "name": filled}, "prorated_cost": number,
            "new_monthly_cost": number, "days_remaining": whole, "payment_charged": flag,
        },
    )  # fmt: skip
    assert (added["prorated_cost"], added["new_monthly_cost"]) == (135.0, 135.0)
    assert added["message"] == "Pay 135.00 GEL to add Reports now."
    later = await client.post("/api/subscription/features/add/", {"feature_id": 7, "charge_immediately": False})
    assert later.body["message"].startswith("E-mail is added from 20")
    await client.post("/api/upgrade/cancel-scheduled/")
    success, failed = await bank.returns(answer.body["order_id"])
    assert success.endswith("/settings/subscription?feature_added=success")
    assert failed.endswith("/settings/subscription?feature_added=failed")
    await pay(bank, answer)
    assert (await client.subscription())["features"]["reports"] is True


async def test_a_feature_is_removed_from_the_next_period_on(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    removed = fits(
        await client.post("/api/subscription/features/remove/", {"feature_id": 3}),
        {
            "success": flag, "message": filled, "feature": {"id": whole, "key": filled, "name": filled},
            "cost_reduction": number, "new_monthly_cost": number,
        },
    )  # fmt: skip
    assert (removed["cost_reduction"], removed["new_monthly_cost"]) == (50.0, 60.0)
    until = (await client.subscription())["subscription"]["expires_at"][:8]
    assert until in removed["message"]
    assert "60.00 GEL" in removed["message"]
    assert "Tickets" not in removed["message"]
    listed = (await client.get("/api/subscription/features/available/")).body["features_by_category"]["Channels"]
    (whatsapp,) = [one for one in listed if one["key"] == "whatsapp"]
    assert (whatsapp["is_selected"], day(whatsapp["removed_from"])) == (True, True)


async def test_a_required_feature_cannot_be_removed(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    refused = await client.post("/api/subscription/features/remove/", {"feature_id": 5})
    assert (refused.status, "cannot be removed" in refused.body["error"]) == (400, True)
    assert (await client.subscription())["subscription"]["scheduled_change"] is None


async def test_saved_cards(bank: Bank, client: Client) -> None:
    order = await client.buy(package_id=2)
    await bank.pay(order["bank_order_id"], card="5300000000000001")
    assert await bank.answered(order["bank_order_id"]) == [200]
    (card,) = fits(
        await client.get("/api/payments/saved-card/"),
        [
            {
                "id": whole, "card_type": one_of("visa", "mastercard", "amex"), "masked_card_number": filled,
                "card_expiry": filled, "saved_at": moment, "is_active": flag, "is_default": flag,
                "card_save_type": one_of("subscription", "ecommerce"), "kind": one_of("automatic", "recurrent"),
            }
        ],
    )  # fmt: skip
    assert (card["card_type"], card["card_save_type"], card["kind"]) == ("mastercard", "subscription", "automatic")


@pytest.mark.parametrize("path", ["add/", "add-ecommerce/"])
async def test_a_card_is_added(bank: Bank, client: Client, path: str) -> None:
    await subscribed(bank, client)
    answer = await client.post(f"/api/payments/saved-card/{path}", {"make_default": True})
    added = fits(answer, {"payment_url": filled, "order_id": filled, "message": filled})
    assert (added["amount"], added["card_save_type"]) == (1.0, "ecommerce")
    assert "payments that you make yourself" in added["message"]
    success, failed = await bank.returns(added["order_id"])
    assert success.endswith("/settings/subscription?card_added=success")
    assert failed.endswith("/settings/subscription?card_added=failed")
    await pay(bank, answer)
    cards = (await client.get("/api/payments/saved-card/")).body
    assert len({card["masked_card_number"] for card in cards}) == len(cards)  # one physical card appears once


async def test_a_default_card_is_chosen_and_removed_and_removed_again(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    (card,) = (await client.get("/api/payments/saved-card/")).body
    chosen = {"card_id": card["id"]}
    assert (await client.post("/api/payments/saved-card/set-default/", chosen)).status == 200
    for path in ("", "remove/"):
        for _ in range(2):
            fits(
                await client.call("DELETE", f"/api/payments/saved-card/{path}", chosen),
                {"status": filled, "success": flag, "message": filled},
            )
    assert (await client.get("/api/payments/saved-card/")).body == []
    assert (await client.call("DELETE", "/api/payments/saved-card/", {"card_id": 10**9})).status == 404


async def test_the_default_card_is_removed_once(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    other = await client.post("/api/payments/saved-card/add-ecommerce/")
    bank_order_id = other.body["payment_url"].rpartition("=")[2]
    await bank.pay(bank_order_id, card="5300000000000001")
    assert await bank.answered(bank_order_id) == [200]
    for _ in range(2):
        fits(
            await client.call("DELETE", "/api/payments/saved-card/delete/"),
            {"status": filled, "success": flag, "message": filled},
        )
    (left,) = (await client.get("/api/payments/saved-card/")).body
    assert left["card_type"] == "mastercard"


async def test_invoices(service: Service, bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    (invoice,) = fits(
        await client.get("/api/payments/invoices/"),
        {
            "invoices": [
                {
                    "id": whole, "invoice_number": filled, "amount": number, "currency": filled,
                    "description": filled, "package_name": filled, "agent_count": whole, "invoice_date": moment,
                    "paid_date": moment, "due_date": moment, "status": filled, "refunded": number,
                    "pdf_url": filled, "pdf_generated": flag,
                }
            ]
        },
    )["invoices"]  # fmt: skip
    path = invoice["pdf_url"].removeprefix(client.url)
    opened = await service.stranger().get(path)  # as `window.open` does it: without a token
    assert (opened.status, opened.headers["Content-Type"]) == (200, "application/pdf")
    for forged in (path[:-9] + "AAAAAAAA/", path.replace("/pdf/", f"/{invoice['id']}/pdf/")):
        assert (await service.stranger().get(forged)).status in (401, 404)


async def test_a_refunded_invoice_says_so(service: Service, bank: Bank, client: Client) -> None:
    order = await client.buy()
    await bank.pay(order["bank_order_id"])
    assert await bank.answered(order["bank_order_id"]) == [200]
    operator = await service.client(Scope.OPERATOR)
    for number, (amount, refunded, status) in enumerate(
        [("10.00", 10.0, "partially_refunded"), (None, 147.0, "refunded")], 2
    ):
        asked = {"reason": "late", **({"amount": amount} if amount else {})}
        assert (await operator.post(f"/api/payments/{order['order_id']}/refund/", asked)).status == 200
        assert (await bank.answered(order["bank_order_id"], number))[-1] == 200
        (invoice,) = (await client.get("/api/payments/invoices/")).body["invoices"]
        assert (invoice["refunded"], invoice["status"]) == (refunded, status)


async def test_paying_again_after_the_end(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    await client.post("/api/payments/cancel/", {"immediately": True})
    answer = await client.post("/api/payments/reactivate/")
    fits(
        answer,
        {"payment_url": filled, "order_id": filled, "amount": number, "currency": filled, "paid_until": moment},
    )
    await pay(bank, answer)
    assert (await client.subscription())["subscription"]["is_active"] is True


async def test_the_public_list_of_features(service: Service) -> None:
    feature = {
        "id": whole, "key": filled, "name": filled, "description": text, "category": filled,
        "category_display": filled, "icon": text, "price_per_user_gel": price_text,
        "price_unlimited_gel": maybe(price_text), "sort_order": whole, "is_active": flag, "is_required": flag,
    }  # fmt: skip
    body = fits(await service.stranger().get("/api/features/"), {"count": whole, "results": [feature]})
    assert body["count"] == len(body["results"]) == 8
    assert [one["key"] for one in body["results"] if one["is_required"]] == ["users", "knowledge_base"]
    georgian = (await service.stranger().get("/api/features/", Accept_Language="ka-GE")).body["results"]
    assert georgian[0]["name"] == "მომხმარებლები და უფლებები"


def form(name: str) -> dict[str, Any]:
    """The registration form as the frontend sends it."""
    return {
        "company_name": "Acme LLC",
        "domain": name,
        "description": "",
        "pricing_model": "agent",
        "agent_count": 10,
        "admin_email": "nino@acme.example",
        "admin_password": "s3cr3t-of-the-crm",
        "admin_first_name": "Nino",
        "admin_last_name": "Beridze",
        "preferred_language": "ka",
        "is_custom": True,
        "feature_ids": [1, 3],
        "payment_provider": "bog",
    }


async def test_registration(service: Service, bank: Bank) -> None:
    name = f"new-{secrets.token_hex(4)}"
    stranger = {**form(name), "company_name": "Buy cheap pills", "admin_email": "stranger@evil.example"}
    assert (await service.stranger().post("/api/register-with-payment/", stranger)).status == 201
    operator = await service.client(Scope.OPERATOR)
    await service.container.storage().transact(
        lambda uow: [expire(uow, one) for one in uow.registrations.of_name(name.replace("-", "_"))]
    )
    answer = await service.stranger().post("/api/register-with-payment/", form(name))
    registered = fits(
        answer,
        {
            "payment_url": filled, "requires_redirect": one_of(True), "payment_id": filled, "amount": number,
            "currency": one_of("GEL"),
        },
        201,
    )  # fmt: skip
    assert registered["amount"] == 220.0
    success, failed = await bank.returns(registered["payment_id"])
    assert (success.endswith("/registration/success"), failed.endswith("/registration")) == (True, True)
    await pay(bank, answer)
    tenant_id = name.replace("-", "_")
    tenant = await service.client(tenant_id=tenant_id)
    events = (await tenant.get("/api/events/")).body["events"]
    (born,) = [one["data"] for one in events if one["type"] == "TenantRegistered"]
    assert (born["tenant_id"], born["subdomain"], born["tenant_name"]) == (tenant_id, name, "Acme LLC")
    assert (born["admin_email"], born["language"]) == ("nino@acme.example", "ka")
    kept = (await operator.get(f"/api/registrations/{registered['payment_id']}/")).body["payload"]
    expected = {"admin_password", "description", "pricing_model", "is_custom"}
    assert (set(kept), kept["admin_password"]) == (expected, "s3cr3t-of-the-crm")
    everything = str([events, (await tenant.get("/api/payments/invoices/")).body, await tenant.subscription()])
    assert "Buy cheap pills" not in everything
    assert "s3cr3t" not in everything
    profile = (await tenant.get("/api/billing-profile/")).body
    assert (profile["subdomain"], profile["emails"]) == (name, ["nino@acme.example"])


def expire(uow: Any, registration: Any) -> None:
    registration.expires_at = registration.created_at
    uow.registrations.save(registration)


async def test_a_payment_is_created(client: Client) -> None:
    asked = {"features": ["tickets"], "agent_count": 5, "currency": "GEL", "save_card": True, "language": "ka"}
    created = fits(
        await client.post("/api/payments/create/", asked),
        {
            "payment_id": filled, "payment_url": filled, "amount": number, "currency": filled,
            "status": one_of("pending"), "order_id": filled,
        },
    )  # fmt: skip
    assert created["payment_id"] == created["order_id"]


async def test_the_status_of_a_payment(bank: Bank, client: Client) -> None:
    order = await client.buy()
    await bank.pay(order["bank_order_id"])
    assert await bank.answered(order["bank_order_id"]) == [200]
    for order_id in (order["order_id"], order["bank_order_id"]):
        status = fits(
            await client.get(f"/api/payments/status/{order_id}/"),
            {
                "payment_id": filled, "order_id": filled, "bank_order_id": filled, "status": one_of("paid"),
                "state": filled, "paid": one_of(True), "amount": number, "currency": filled, "captured": number,
                "refunded": number, "response_code": filled, "message": filled, "updated_at": moment,
            },
        )  # fmt: skip
        assert status["captured"] == 147.0


async def test_the_subscription_is_cancelled(bank: Bank, client: Client) -> None:
    nothing = await client.post("/api/payments/cancel/")
    assert (nothing.status, nothing.body["error"]) == (404, "No active subscription found")
    await subscribed(bank, client)
    fits(
        await client.post("/api/payments/cancel/"),
        {"status": one_of("cancelled"), "message": filled, "access_until": moment},
    )


async def test_the_price_list(service: Service) -> None:
    packages = fits(
        await service.stranger().get("/api/packages/"),
        [
            {
                "id": whole, "name": filled, "display_name": filled, "description": text,
                "pricing_model": one_of("agent", "crm"), "price_gel": price_text, "prices": {"GEL": price_text},
                "max_users": whole, "max_whatsapp_messages": whole, "max_storage_gb": number,
                "is_highlighted": flag, "features_list": [text], "pricing_suffix": filled,
            }
        ],
    )  # fmt: skip
    assert packages[1]["prices_by_interval"]["12"]["GEL"] == "490.00"


async def test_the_current_period_is_paid_by_hand(bank: Bank, client: Client) -> None:
    await subscribed(bank, client)
    answer = await client.post("/api/payments/manual/", {"whatever": "is ignored"})
    fits(answer, {"payment_url": filled, "order_id": filled, "amount": number, "currency": filled})
    success, failed = await bank.returns(answer.body["order_id"])
    assert success.endswith("/settings/subscription?payment=success")
    assert failed.endswith("/settings/subscription?payment=failed")


async def test_a_package_and_seats_are_changed(bank: Bank, client: Client) -> None:
    await subscribed(bank, client, package_id=2, agent_count=3)
    preview = await client.get("/api/upgrade/preview/?package_id=3&agent_count=1")
    fits(preview, {"amount_due_now": number, "new_monthly_cost": number, "effective_date": moment})
    for query in ("agent_count=0", "package_id=0", "interval=0"):
        assert (await client.get(f"/api/upgrade/preview/?{query}")).status == 422
    later = await client.post("/api/upgrade/scheduled/", {"package_id": "1", "agent_count": 2})
    fits(later, {"success": flag, "message": filled, "requires_payment": one_of(False), "effective_date": moment})
    assert (await client.post("/api/upgrade/cancel-scheduled/")).status == 200
    now = await client.post("/api/upgrade/immediate/", {"package_id": 3})
    fits(now, {"payment_url": filled, "order_id": filled, "amount": number})
    seats = await client.call("PUT", "/api/subscription/agent-count/", {"agent_count": 4})
    fits(seats, {"payment_url": filled, "requires_payment": one_of(True), "amount": number})


async def test_errors_are_georgian_where_georgian_is_preferred(client: Client) -> None:
    asked = {"package_id": 2, "agent_count": 51}
    english = await client.post("/api/payments/create/", asked, Accept_Language="en-GB,ka;q=0.5")
    georgian = await client.post("/api/payments/create/", asked, Accept_Language="ka-GE,ka;q=0.9,en;q=0.5")
    assert english.body["error"] == "Business has at most 50 seats, not 51"
    assert georgian.body["error"] == "„Business“: არა უმეტეს 50 აგენტისა; მოთხოვნილია 51"
    assert english.status == georgian.status == 422


async def test_public_calls_take_an_idempotency_key(service: Service) -> None:
    name = f"new-{secrets.token_hex(4)}"
    first = await service.stranger().post("/api/register-with-payment/", form(name), Idempotency_Key="once")
    again = await service.stranger().post("/api/register-with-payment/", form(name), Idempotency_Key="once")
    assert (first.status, again.status, again.raw) == (201, 201, first.raw)
    other = await service.stranger().post("/api/register-with-payment/", form(f"{name}x"), Idempotency_Key="once")
    assert other.status == 422
    changed = {"is_vat_payer": True}
    client = await service.client()
    for _ in range(2):
        answer = await client.call("PATCH", "/api/billing-profile/", changed, Idempotency_Key="patch")
        assert answer.status == 200
    other = await client.call("PATCH", "/api/billing-profile/", {"is_vat_payer": False}, Idempotency_Key="patch")
    assert other.status == 422


async def test_a_year_is_bought_and_shown_and_changed_back_to_months(bank: Bank, client: Client) -> None:
    order = await client.post(
        "/api/payments/create/", {"features": ["tickets", "whatsapp"], "agent_count": 5, "interval": 12}
    )
    assert (order.status, order.body["amount"]) == (200, 1100.0)
    await pay(bank, order)
    me = fits(await client.get("/api/subscription/me/"), ME)
    mine = me["subscription"]
    assert (mine["interval"], mine["interval_cost"], mine["monthly_cost"]) == (12, 1100.0, 91.67)
    year, rest = int(mine["starts_at"][:4]), mine["starts_at"][4:10]
    assert mine["expires_at"][:10] == order.body["paid_until"][:10]
    assert mine["expires_at"][:10] in (f"{year + 1}{rest}", f"{year + 1}-02-28")
    later = await client.post("/api/upgrade/scheduled/", {"interval": 1})
    assert (later.status, later.body["effective_date"], later.body["new_monthly_cost"]) == (
        200,
        mine["expires_at"],
        110.0,
    )
    assert (await client.get("/api/upgrade/preview/?agent_count=10")).body["amount_due_now"] == 2200.0
    unsold = await client.post("/api/upgrade/immediate/", {"interval": 6})
    assert (unsold.status, unsold.body["errors"][0]["field"]) == (422, "interval")


async def test_a_feature_is_added_to_a_package(bank: Bank, client: Client) -> None:
    await subscribed(bank, client, package_id=1, agent_count=5)
    answer = await client.post("/api/subscription/features/add/", {"feature_id": 4})
    assert answer.body["prorated_cost"] == 170.0
    await pay(bank, answer)
    me = fits(await client.get("/api/subscription/me/"), ME)
    assert (me["package"]["display_name"], me["subscription"]["monthly_cost"]) == ("Start", 170.0)
    assert {one["key"] for one in me["selected_features"]} == {"users", "tickets", "reports"}
    twice = await client.post("/api/subscription/features/add/", {"feature_id": 1})
    assert (twice.status, "already part of the package" in twice.body["error"]) == (422, True)
    removed = await client.post("/api/subscription/features/remove/", {"feature_id": 4})
    assert removed.body["new_monthly_cost"] == 145.0
