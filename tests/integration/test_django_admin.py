"""Django's admin: what it shows to whom, and what an operator may do there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.django_project.project import Project, running_project
from tests.integration.parts import Bank

PAGES = ("customer", "subscription", "order", "invoice", "card", "callback")


@pytest.fixture(scope="module")
async def project(bank: Bank, workspace: Path) -> AsyncIterator[Project]:
    async with running_project(bank, workspace) as project:
        yield project


@pytest.fixture(scope="module")
async def paid(project: Project) -> Any:
    """A tenant that bought with a saved card; its order."""
    from echodesk_billing.django import billing

    order = await project.do(lambda: billing().checkout(tenant_id="shop", package_id=2, seats=3))
    await project.bank.pay(order.bank_order_id)
    await project.do(lambda: billing().reconcile(older_than=timedelta(0)))
    return order


def operator(project: Project, name: str, *permissions: str) -> Any:
    """Somebody of the staff, with permissions by way of a group."""
    from django.contrib.auth.models import Group, Permission

    user = project.user(name, is_staff=True)
    group = Group.objects.create(name=f"group of {name}")
    group.permissions.set(Permission.objects.filter(codename__in=permissions))
    user.groups.add(group)
    return project.browser("crm.example", user)


async def test_every_list_and_every_detail_is_shown(project: Project, paid: Any) -> None:
    def walk() -> dict[str, int]:
        browser = project.browser("crm.example", project.user("root", is_staff=True, is_superuser=True))
        browser.post("/api/payments/webhook/", b'{"event": "order_payment", "body": {}}', "application/json")
        assert "Billing" in browser.get("/admin/").content.decode()
        seen = {}
        for page in PAGES:
            listed = browser.get(f"/admin/echodesk_billing/{page}/")
            assert listed.status_code == 200, page
            links = set(re.findall(r'href="(/admin/echodesk_billing/\w+/[^"]+/change/)"', listed.content.decode()))
            for link in links:
                assert browser.get(link).status_code == 200, link
            seen[page] = len(links)
        text = browser.get(f"/admin/echodesk_billing/order/{paid.id}/change/").content.decode()
        assert "OrderCompleted" in text
        assert "complete (receipt)" in text
        for path in ("order/nothing/change/", "card/x/change/", "invoice/99999/change/", "order/a%00b/change/"):
            assert browser.get(f"/admin/echodesk_billing/{path}").status_code == 404, path
        return seen

    seen = await project.do(walk)
    assert all(seen[page] for page in PAGES if page != "callback"), seen


async def test_lists_are_filtered_and_wrong_filters_are_told(project: Project, paid: Any) -> None:
    def look() -> list[str]:
        browser = operator(project, "reader", "view_order", "view_subscription", "view_invoice")
        pages = (
            "order/?tenant=shop",
            "order/?tenant=nobody",
            "order/?attention=1",
            "subscription/?state=active",
            "subscription/?state=odd",
            "invoice/?after=odd",
        )
        return [browser.get(f"/admin/echodesk_billing/{page}").content.decode() for page in pages]

    mine, none, attention, active, odd, wrong = await project.do(look)
    assert paid.id in mine
    assert paid.id not in none + attention
    assert "There is nothing here" in none
    assert "shop" in active
    assert "is not a valid SubscriptionState" in odd
    assert "is not a number" in wrong


async def test_permissions_of_groups_decide_what_is_shown_and_done(project: Project, paid: Any) -> None:
    def look() -> list[int]:
        reader = operator(project, "clerk", "view_order")
        member = project.browser("crm.example", project.user("member"))
        order = f"/admin/echodesk_billing/order/{paid.id}"
        assert "../refund/" not in reader.get(f"{order}/change/").content.decode()
        return [
            reader.get("/admin/echodesk_billing/order/").status_code,
            reader.get("/admin/echodesk_billing/card/").status_code,
            reader.get(f"{order}/refund/").status_code,
            reader.post(f"{order}/refund/", {"reason": "x"}).status_code,
            reader.get(f"{order}/explode/").status_code,
            reader.post("/admin/echodesk_billing/order/").status_code,
            member.get("/admin/echodesk_billing/order/").status_code,
        ]

    assert await project.do(look) == [200, 403, 403, 403, 404, 200, 302]


async def test_an_operator_gives_days_once_however_often_the_form_is_sent(project: Project, paid: Any) -> None:
    def give() -> tuple[int, str]:
        browser = operator(project, "giver", "view_subscription", "give_days")
        page = "/admin/echodesk_billing/subscription/shop/give-days/"
        form = browser.get(page).content.decode()
        key = re.findall(r'name="key" value="([^"]+)"', form)[0]
        before = browser.get("/admin/echodesk_billing/subscription/shop/change/").content.decode()
        for _ in range(2):
            answer = browser.post(page, {"days": 10, "reason": "an outage", "key": key})
            assert (answer.status_code, answer.headers["location"]) == (302, page.replace("give-days", "change"))
        after = browser.get("/admin/echodesk_billing/subscription/shop/change/").content.decode()
        wrong = browser.post(page, {"days": 0, "reason": "", "key": key}).content.decode()
        assert "greater than or equal to 1" in wrong
        assert "This field is required" in wrong
        until = [re.findall(r"Paid until</th>\s*<td>([^<]+)", one)[0] for one in (before, after)]
        return _days_between(*until), after

    days, after = await project.do(give)
    assert days == 10
    assert after.count("DaysGiven") == 1
    assert "django:giver" in after


async def test_an_operator_pauses_resumes_and_makes_a_plan_complimentary(project: Project, paid: Any) -> None:
    def act() -> str:
        browser = operator(project, "pauser", "view_subscription", "pause_subscription", "make_complimentary")
        page = "/admin/echodesk_billing/subscription/shop"
        for name, form in (
            ("pause", {"until": "", "reason": "a season"}),
            ("resume", {"reason": "it begins"}),
            ("complimentary", {"until": "2031-01-01", "reason": "a partner"}),
        ):
            key = re.findall(r'name="key" value="([^"]+)"', browser.get(f"{page}/{name}/").content.decode())[0]
            answer = browser.post(f"{page}/{name}/", {**form, "key": key})
            assert answer.status_code == 302, answer.content.decode()[-2000:]
        refused = browser.post(f"{page}/pause/", {"until": "", "reason": "again", "key": key}).content.decode()
        assert "nothing to pause" in refused
        return browser.get(f"{page}/change/").content.decode()

    shown = await project.do(act)
    for event in ("SubscriptionPauseScheduled", "SubscriptionResumed", "PlanMadeComplimentary", "django:pauser"):
        assert event in shown


def _days_between(earlier: str, later: str) -> int:
    from datetime import datetime

    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).days


async def test_an_operator_refunds_and_errors_are_told_in_the_form(project: Project, paid: Any) -> None:
    def refund() -> tuple[str, str, str]:
        browser = operator(project, "refunder", "view_order", "refund_order", "view_subscription", "retry_charge")
        page = f"/admin/echodesk_billing/order/{paid.id}/refund/"
        key = re.findall(r'name="key" value="([^"]+)"', browser.get(page).content.decode())[0]
        too_much = browser.post(page, {"amount": "9999.00", "reason": "x", "key": key}).content.decode()
        for _ in range(2):
            browser.post(page, {"amount": "7.00", "reason": "asked for", "key": key}, follow=True)
        owed = browser.post("/admin/echodesk_billing/subscription/shop/retry/", {}).content.decode()
        return too_much, browser.get(page.replace("refund", "change")).content.decode(), owed

    too_much, after, owed = await project.do(refund)
    assert "to refund, not 9999.00 GEL" in too_much
    assert after.count("7.00 GEL requested: for &#x27;asked for&#x27;, by django:refunder") == 1
    assert "Nothing is owed" in owed
    assert [Decimal(amount) for amount in await project.bank.refunded(paid.id)] == [7]


async def test_an_operator_resolves_what_needs_attention(project: Project) -> None:
    from echodesk_billing.django import billing
    from echodesk_billing.django.runtime import runtime

    order = await project.do(lambda: billing().checkout(tenant_id="odd", package_id=2, seats=1))

    def resolve() -> tuple[str, str, str]:
        async def mark(container: Any) -> None:
            def work(uow: Any) -> None:
                locked = uow.orders.lock(order.id, "")
                locked.mark("something odd", "request", locked.updated_at)
                uow.orders.save(locked)

            await container.storage().transact(work)

        runtime().use(mark)
        browser = operator(project, "resolver", "view_order", "resolve_order")
        listed = browser.get("/admin/echodesk_billing/order/?attention=1").content.decode()
        page = f"/admin/echodesk_billing/order/{order.id}/resolve/"
        told = browser.post(page, {"note": "looked at it"}, follow=True).content.decode()
        return listed, told, browser.get("/admin/echodesk_billing/order/?attention=1").content.decode()

    before, told, after = await project.do(resolve)
    assert order.id in before
    assert "needs no attention any more" in told
    assert order.id not in after
