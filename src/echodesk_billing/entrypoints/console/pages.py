"""The pages of the console, and logging in and out."""

from __future__ import annotations

from http import HTTPStatus

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.console import acts, customers, lists, orders, overview, rendering, sessions
from echodesk_billing.entrypoints.console.rendering import STYLE
from echodesk_billing.entrypoints.console.sessions import HOME
from echodesk_billing.entrypoints.console.visit import Form, Visit, form, page
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.contract import redirect
from echodesk_billing.entrypoints.http.forms import fields
from echodesk_billing.entrypoints.http.message import Request, Response


def pages() -> list[Page]:
    """The pages of the console, for the contract."""
    return [
        Page(path=STYLE, handler=rendering.style),
        Page(path=HOME.rstrip("/"), handler=redirect(HOME)),
        Page(path=HOME, handler=page(overview.home)),
        Page(path=f"{HOME}login", method="POST", handler=_login),
        Page(path=f"{HOME}logout", method="POST", handler=form(_logout, changes=False)),
        Page(path=f"{HOME}search", handler=page(overview.search)),
        *(Page(path=f"{HOME}{name}", handler=page(handler)) for name, handler in lists.LISTS.items()),
        Page(path=f"{HOME}webhooks/{{endpoint_id}}", handler=page(lists.deliveries)),
        Page(path=f"{HOME}customers/{{tenant_id}}", handler=page(customers.show)),
        Page(path=f"{HOME}orders/{{order_id}}", handler=page(orders.show)),
        *acts.pages(),
    ]


async def _login(request: Request, uses: UseCases) -> Response:
    """Exchange an operator's token for a session."""
    cookie = await sessions.opened((await fields(request)).get("token", "").strip(), uses)
    if cookie is None:
        return rendering.render(request, uses, "login.html", HTTPStatus.FORBIDDEN, wrong=True)
    answer = html.go(HOME)
    answer.cookies.append(cookie)
    return answer


async def _logout(visit: Visit, _sent: Form) -> Response:
    await visit.uses.tokens.end(visit.session.secret)
    answer = html.go(HOME)
    answer.cookies.append(sessions.closing_cookie())
    return answer
