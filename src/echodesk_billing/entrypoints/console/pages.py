"""Pages of the console: what needs attention, unknown outcomes, one order, refunds and resolutions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import jinja2

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.entrypoints import order_history
from echodesk_billing.entrypoints.console import sessions
from echodesk_billing.entrypoints.console.sessions import HOME
from echodesk_billing.entrypoints.http import problems
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.contract import redirect
from echodesk_billing.entrypoints.http.forms import Session, fields
from echodesk_billing.entrypoints.http.message import Request, Response, see_other

POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("echodesk_billing.entrypoints.console"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(home=HOME, unknown_outcome=unknown_outcome)
_templates.filters["moment"] = lambda at: "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"

_Handler = Callable[[Request, UseCases], Awaitable[Response]]
_SessionHandler = Callable[[Request, UseCases, Session], Awaitable[Response]]


def pages() -> list[Page]:
    """The pages of the console, for the contract."""
    return [
        Page(path=HOME.rstrip("/"), handler=redirect(HOME)),
        Page(path=HOME, handler=_page(_home)),
        Page(path=f"{HOME}login", method="POST", handler=_login),
        Page(path=f"{HOME}logout", method="POST", handler=_form(_logout)),
        Page(path=f"{HOME}orders", handler=_page(_search)),
        Page(path=f"{HOME}orders/{{order_id}}", handler=_page(_order)),
        Page(path=f"{HOME}orders/{{order_id}}/refund", method="POST", handler=_form(_refund)),
        Page(path=f"{HOME}orders/{{order_id}}/resolve", method="POST", handler=_form(_resolve)),
    ]


def _page(handler: _SessionHandler) -> _Handler:
    """Show a page to an operator, the login page to everyone else, and errors as messages."""

    async def serve(request: Request, uses: UseCases) -> Response:
        session = await sessions.current(request, uses)
        if session is None:
            status = HTTPStatus.OK if request.path == HOME else HTTPStatus.UNAUTHORIZED
            return _render("login.html", status, title="Log in", wrong="")
        try:
            return await handler(request, uses, session)
        except BillingError as error:
            refused = problems.from_error(error)
            return _message("That did not work", refused.detail, refused.status, session)

    return serve


def _form(handler: _SessionHandler) -> _Handler:
    """The same for changes: only with a valid CSRF token."""

    async def checked(request: Request, uses: UseCases, session: Session) -> Response:
        form = await fields(request)
        if not session.is_proved(form.get("proof", "")):
            return _message("Refused", "This form belongs to another session: reload the page", HTTPStatus.FORBIDDEN)
        return await handler(request, uses, session)

    return _page(checked)


async def _login(request: Request, uses: UseCases) -> Response:
    """Exchange an operator's token for a session."""
    cookie = await sessions.opened((await fields(request)).get("token", "").strip(), uses)
    if cookie is None:
        wrong = "This is not an operator's token: echodesk-billing token create --scope operator"
        return _render("login.html", HTTPStatus.FORBIDDEN, title="Log in", wrong=wrong)
    answer = _see_other(HOME)
    answer.cookies.append(cookie)
    return answer


async def _logout(_request: Request, uses: UseCases, session: Session) -> Response:
    await uses.tokens.end(session.secret)
    answer = _see_other(HOME)
    answer.cookies.append(sessions.closing_cookie())
    return answer


async def _home(_request: Request, uses: UseCases, session: Session) -> Response:
    return _render("home.html", title="Needs attention", session=session, overview=await uses.views.overview())


async def _search(request: Request, _uses: UseCases, _session: Session) -> Response:
    return _see_other(f"{HOME}orders/{quote(request.query.get('order_id', '').strip() or '-', safe='')}")


async def _order(request: Request, uses: UseCases, session: Session) -> Response:
    timeline = await uses.views.timeline(session.who, request.parameters["order_id"])
    return _render(
        "order.html",
        title=timeline.order.id,
        session=session,
        order=timeline.order,
        facts=order_history.facts(timeline.order),
        happenings=order_history.happenings(timeline),
        refund_id=uuid4(),
    )


async def _refund(request: Request, uses: UseCases, session: Session) -> Response:
    form, order_id = await fields(request), request.parameters["order_id"]
    amount, reason = form.get("amount", "").strip(), form.get("reason", "").strip()
    try:
        wanted = Decimal(amount) if amount else None
    except InvalidOperation:
        wrong = f"{amount[:20]!r} is not an amount such as 10.50"
        return _message("That did not work", wrong, HTTPStatus.UNPROCESSABLE_ENTITY, session)
    await uses.refunds.refund(session.who, order_id, wanted, reason, refund_id=_uuid(form.get("refund_id", "")))
    return _see_other(f"{HOME}orders/{quote(order_id, safe='')}")


async def _resolve(request: Request, uses: UseCases, session: Session) -> Response:
    form, order_id = await fields(request), request.parameters["order_id"]
    await uses.settlement.resolve(session.who, order_id, form.get("note", "").strip())
    return _see_other(f"{HOME}orders/{quote(order_id, safe='')}")


def _uuid(text: str) -> str | None:
    """The refund id in the form, so that submitting it twice refunds once."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


def _see_other(where: str) -> Response:
    answer = see_other(where)
    answer.headers["Content-Security-Policy"] = POLICY
    return answer


def _message(title: str, text: str, status: HTTPStatus, session: Session | None = None) -> Response:
    return _render("message.html", status, title=title, text=text, session=session)


def _render(template: str, status: HTTPStatus = HTTPStatus.OK, **values: Any) -> Response:
    body = _templates.get_template(template).render({"session": None, **values})
    return Response(
        status=status,
        body=body.encode(),
        content_type="text/html; charset=utf-8",
        headers={"Content-Security-Policy": POLICY},
    )
