"""The pages to which the bank sends the browser back. In production they belong to the CRM's frontend."""

from __future__ import annotations

from urllib.parse import urlencode

import jinja2

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.errors import NoActiveSubscription
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.message import Request, Response, see_other
from echodesk_billing.ports.access import Principal

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("echodesk_billing.entrypoints.demo"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
SETTINGS = "/settings/subscription"
LANGUAGES = (("ka", "ქართული"), ("en", "English"), ("ru", "Русский"))
OUTCOMES = ("success", "failed")
FIRST_PURCHASE = Selection(package_id=2, seats=3)

_TEXTS: dict[str, dict[str, tuple[str, str]]] = {
    "ka": {
        "payment success": (
            "გმადლობთ! გადახდა მიღებულია",
            "გამოწერა გააქტიურდება, როგორც კი ბანკი გადახდას დაადასტურებს. ამას, ჩვეულებრივ, რამდენიმე წამი სჭირდება.",
        ),
        "payment failed": (
            "გადახდა ვერ შესრულდა",
            "თანხა არ ჩამოგეჭრათ. სცადეთ ხელახლა, ან გადაიხადეთ სხვა ბარათით.",
        ),
        "feature success": (
            "ფუნქცია დაემატა",
            "გადახდა მიღებულია. ფუნქცია ჩაირთვება, როგორც კი ბანკი გადახდას დაადასტურებს.",
        ),
        "feature failed": ("ფუნქცია ვერ დაემატა", "გადახდა ვერ შესრულდა, ამიტომ გამოწერაში არაფერი შეცვლილა."),
        "card success": ("ბარათი დაემატა", "ბარათი შენახულია და გამოწერის გვერდზე გამოჩნდება."),
        "card failed": ("ბარათი ვერ დაემატა", "ბანკმა ბარათი ვერ შეინახა. სცადეთ ხელახლა, ან დაამატეთ სხვა ბარათი."),
        "registration success": (
            "კეთილი იყოს თქვენი მობრძანება!",
            "გადახდა მიღებულია და თქვენი სამუშაო სივრცე იქმნება. მზად რომ იქნება, წერილს მოგწერთ.",
        ),
        "registration failed": (
            "რეგისტრაცია ვერ დასრულდა",
            "გადახდა ვერ შესრულდა. თქვენი სახელი ერთი საათით დაკავებულია: სცადეთ ხელახლა.",
        ),
        "settings": ("გამოწერა", "ამ ადგილას CRM თავის გამოწერის გვერდს აჩვენებს."),
    },
    "en": {
        "payment success": (
            "Thank you! The payment was made",
            "The subscription becomes active as soon as the bank confirms the payment, usually within seconds.",
        ),
        "payment failed": ("The payment was not made", "Nothing was charged. Try again, or pay with another card."),
        "feature success": (
            "The feature was added",
            "The payment was made. The feature is switched on as soon as the bank confirms it.",
        ),
        "feature failed": ("The feature was not added", "The payment was not made, so nothing has changed."),
        "card success": ("The card was added", "The card is saved and is shown with your subscription."),
        "card failed": ("The card was not added", "The bank did not save it. Try again, or add another card."),
        "registration success": (
            "Welcome!",
            "The payment was made, and your workspace is being created. We will write to you when it is ready.",
        ),
        "registration failed": (
            "The registration is not complete",
            "The payment was not made. Your name is reserved for an hour: you can try again.",
        ),
        "settings": ("Subscription", "The CRM shows its subscription page here."),
    },
    "ru": {
        "payment success": (
            "Спасибо! Оплата прошла",
            "Подписка станет активной, как только банк подтвердит платёж, обычно через несколько секунд.",
        ),
        "payment failed": ("Оплата не прошла", "Деньги не списаны. Попробуйте ещё раз или оплатите другой картой."),
        "feature success": (
            "Функция добавлена",
            "Оплата прошла. Функция включится, как только банк подтвердит платёж.",
        ),
        "feature failed": ("Функция не добавлена", "Оплата не прошла, поэтому ничего не изменилось."),
        "card success": ("Карта добавлена", "Карта сохранена и показана на странице подписки."),
        "card failed": ("Карта не добавлена", "Банк не сохранил карту. Попробуйте ещё раз или добавьте другую."),
        "registration success": (
            "Добро пожаловать!",
            "Оплата прошла, ваше рабочее пространство создаётся. Мы напишем вам, когда оно будет готово.",
        ),
        "registration failed": (
            "Регистрация не завершена",
            "Оплата не прошла. Имя зарезервировано на час: попробуйте ещё раз.",
        ),
        "settings": ("Подписка", "Здесь CRM показывает свою страницу подписки."),
    },
}
_LABELS = {
    "ka": {
        "language": "ენა",
        "demo": "დემო: ნამდვილ სისტემაში ეს გვერდი CRM-ისაა.",
        "plan": "გეგმა",
        "price": "ფასი თვეში",
        "until": "გადახდილია",
        "day": "{day}-მდე",
        "continue": "გამოწერის გვერდზე",
        "buy": "Business, 3 აგენტი: ყიდვა",
        "pay": "შემდეგი პერიოდის გადახდა",
        "again": "ხელახლა ცდა",
        "api": "API-ის აღწერა",
    },
    "en": {
        "language": "Language",
        "demo": "Demo: in production this page is the CRM's.",
        "plan": "Plan",
        "price": "Price a month",
        "until": "Paid until",
        "day": "{day}",
        "continue": "To the subscription",
        "buy": "Buy Business for 3 agents",
        "pay": "Pay the next period",
        "again": "Try again",
        "api": "API reference",
    },
    "ru": {
        "language": "Язык",
        "demo": "Демо: в рабочей системе это страница CRM.",
        "plan": "План",
        "price": "Цена в месяц",
        "until": "Оплачено до",
        "day": "{day}",
        "continue": "К подписке",
        "buy": "Купить Business для 3 агентов",
        "pay": "Оплатить следующий период",
        "again": "Попробовать ещё раз",
        "api": "Описание API",
    },
}


def return_pages(tenant: Principal) -> tuple[Page, ...]:
    """The pages at the default return addresses, for the demo's tenant."""

    async def settings(request: Request, uses: UseCases) -> Response:
        asked = (("payment", "payment"), ("feature_added", "feature"), ("card_added", "card"))
        found = [f"{topic} {request.query[name]}" for name, topic in asked if request.query.get(name) in OUTCOMES]
        return await _page(request, uses, tenant, found[0] if found else "settings")

    async def registered(request: Request, uses: UseCases) -> Response:
        return await _page(request, uses, None, "registration success")

    async def registration(request: Request, uses: UseCases) -> Response:
        return await _page(request, uses, None, "registration failed")

    async def pay(_request: Request, uses: UseCases) -> Response:
        try:
            order = await uses.checkout.pay_now(tenant)
        except NoActiveSubscription:
            order = await uses.checkout.buy(tenant, FIRST_PURCHASE)
        return see_other(order.payment_url or SETTINGS)

    return (
        Page(path=SETTINGS, handler=settings),
        Page(path=SETTINGS, method="POST", handler=pay),
        Page(path="/registration/success", handler=registered),
        Page(path="/registration", handler=registration),
    )


async def _page(request: Request, uses: UseCases, tenant: Principal | None, topic: str) -> Response:
    language = await _language(request, uses, tenant)
    view = await uses.views.subscription(tenant) if tenant else None
    has_plan = view is not None and view.plan is not None
    labels = _LABELS[language]
    look = "good" if topic.endswith("success") else "bad" if topic.endswith("failed") else "plain"
    links = [(SETTINGS, labels["continue"])] if topic != "settings" and tenant else []
    if look == "bad" and not tenant:
        links.append(("/docs#operation/registerTenantWithPayment", labels["again"]))
    links.append(("/docs", labels["api"]))
    title, text = _TEXTS[language][topic]
    buys = labels["again"] if look == "bad" else labels["pay"] if has_plan else labels["buy"]
    kept = {name: value for name, value in request.query.items() if name != "language"}
    body = _templates.get_template("return.html").render(
        language=language,
        languages=LANGUAGES,
        query=f"{urlencode(kept)}&" if kept else "",
        look=look,
        words={**labels, "title": title, "text": text},
        facts=_facts(view, uses.time_zone, labels) if view else [],
        pays=buys if tenant and topic not in ("payment success", "feature success", "card success") else "",
        links=links,
    )
    headers = {"Content-Security-Policy": POLICY}
    return Response(body=body.encode(), content_type="text/html; charset=utf-8", headers=headers)


async def _language(request: Request, uses: UseCases, tenant: Principal | None) -> str:
    """The language of the switch, else of the customer, else of the browser."""
    asked = request.query.get("language", "")
    if asked in _TEXTS:
        return asked
    if tenant is None:
        return request.language
    customer = await uses.customers.profile(tenant)
    return customer.profile.language if customer.version else request.language


def _facts(view: SubscriptionView, time_zone: str, labels: dict[str, str]) -> list[tuple[str, str]]:
    """What the tenant has, in a few words."""
    plan = view.plan
    if plan is None or view.subscription is None or view.subscription.paid_until is None:
        return []
    return [
        (labels["plan"], plan.name),
        (labels["price"], str(plan.monthly_price)),
        (labels["until"], labels["day"].format(day=local_date(view.subscription.paid_until, time_zone))),
    ]
