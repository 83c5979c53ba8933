"""The operators' console: pages without scripts, for what needs a person.

An operator's token opens a session, which is a token of its own that lives for some hours in a cookie. Whatever changes
something carries a second secret in its form, made from the session's, so that no other site can send it.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from html import escape
from http import HTTPStatus
from urllib.parse import quote
from uuid import UUID, uuid4

from aiohttp import web
from attrs import frozen

from echodesk_billing.application.views import OrderTimeline, Overview
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.orders.attention import unknown_outcome
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints import story
from echodesk_billing.entrypoints.web import problems
from echodesk_billing.entrypoints.web.calls import USE_CASES, UseCases, raw_body
from echodesk_billing.entrypoints.web.problems import Refused
from echodesk_billing.ports.access import Principal, Scope

HOME = "/console/"
COOKIE = "billing_console"
SESSION = timedelta(hours=8)
POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui;margin:2rem auto;max-width:70rem;padding:0 1rem}td,th{padding:.3rem .8rem .3rem 0;"
    "text-align:left;vertical-align:top}tr{border-bottom:1px solid #ddd}.bad{color:#a00}form{margin:1rem 0}"
)


@frozen(kw_only=True)
class _Session:
    """An operator who has logged in."""

    who: Principal
    token: str

    @property
    def proof(self) -> str:
        """What a form has to carry."""
        return hmac.new(self.token.encode(), b"form", hashlib.sha256).hexdigest()


_Handler = Callable[[web.Request, UseCases, _Session], Awaitable[web.Response]]


def add_console(app: web.Application) -> None:
    """Add its pages to the application."""
    app.router.add_get(HOME, _page(_home))
    app.router.add_post(f"{HOME}login", _login)
    app.router.add_post(f"{HOME}logout", _form(_logout))
    app.router.add_get(f"{HOME}orders", _page(_search))
    app.router.add_get(f"{HOME}orders/{{order_id}}", _page(_order))
    app.router.add_post(f"{HOME}orders/{{order_id}}/refund", _form(_refund))
    app.router.add_post(f"{HOME}orders/{{order_id}}/resolve", _form(_resolve))


def _page(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Show a page to an operator, the way in to everybody else, and what went wrong in words."""

    @functools.wraps(handler)
    async def serve(request: web.Request) -> web.Response:
        uses = request.app[USE_CASES]
        session = await _session(request, uses)
        if session is None:
            return _html("Log in", _LOGIN, HTTPStatus.OK if request.path == HOME else HTTPStatus.UNAUTHORIZED)
        try:
            return await handler(request, uses, session)
        except BillingError as error:
            refused = problems.from_error(error)
            return _html("That did not work", _sentence(refused.detail), refused.status, session)

    return serve


def _form(handler: _Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    """The same for what changes something: only with the proof that the form came from one of our pages."""

    @functools.wraps(handler)
    async def checked(request: web.Request, uses: UseCases, session: _Session) -> web.Response:
        form = await _fields(request)
        if not hmac.compare_digest(form.get("proof", "").encode(), session.proof.encode()):
            return _html(
                "Refused", _sentence("This form is not from this session: reload the page"), HTTPStatus.FORBIDDEN
            )
        if any("\0" in value for value in form.values()):
            return _html("Refused", _sentence("The form has a NUL character in it"), HTTPStatus.BAD_REQUEST, session)
        return await handler(request, uses, session)

    return _page(checked)


async def _fields(request: web.Request) -> dict[str, str]:
    """What a form sends, as browsers send it.

    Raises:
        Refused: it is no such form, or cannot be read.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send a form, as the page does")
    await raw_body(request)
    try:
        return {name: str(value) for name, value in (await request.post()).items()}
    except (ValueError, LookupError):
        raise Refused(HTTPStatus.BAD_REQUEST, "The form is in no encoding that can be read") from None


async def _session(request: web.Request, uses: UseCases) -> _Session | None:
    token = request.cookies.get(COOKIE, "")
    who = await uses.tokens.session(token) if token else None
    return _Session(who=who, token=token) if who and Scope.OPERATOR in who.scopes else None


async def _login(request: web.Request) -> web.Response:
    """Exchange an operator's token for a session."""
    uses = request.app[USE_CASES]
    token = (await _fields(request)).get("token", "").strip()
    who = await uses.access.authenticate(token)
    if who is None or Scope.OPERATOR not in who.scopes:
        wrong = _sentence("That is no token of an operator: echodesk-billing token create --scope operator")
        return _html("Log in", wrong + _LOGIN, HTTPStatus.FORBIDDEN)
    answer = _see_other(HOME)
    answer.set_cookie(
        COOKIE,
        await uses.tokens.open_session(who, token, SESSION),
        max_age=int(SESSION.total_seconds()),
        path=HOME,
        httponly=True,
        samesite="Strict",
        secure=uses.api_domain.startswith("https:"),
    )
    return answer


async def _logout(_request: web.Request, uses: UseCases, session: _Session) -> web.Response:
    await uses.tokens.end(session.token)
    answer = _see_other(HOME)
    answer.del_cookie(COOKIE, path=HOME)
    return answer


async def _home(_request: web.Request, uses: UseCases, session: _Session) -> web.Response:
    overview = await uses.views.overview()
    return _html("Needs attention", _overview(overview), session=session)


async def _search(request: web.Request, _uses: UseCases, _session: _Session) -> web.Response:
    return _see_other(f"{HOME}orders/{quote(request.query.get('order_id', '').strip() or '-', safe='')}")


async def _order(request: web.Request, uses: UseCases, session: _Session) -> web.Response:
    timeline = await uses.views.timeline(session.who, request.match_info["order_id"])
    return _html(timeline.order.id, _page_of(timeline, session), session=session)


async def _refund(request: web.Request, uses: UseCases, session: _Session) -> web.Response:
    form, order_id = await _fields(request), request.match_info["order_id"]
    amount, reason = form.get("amount", "").strip(), form.get("reason", "").strip()
    try:
        wanted = Decimal(amount) if amount else None
    except InvalidOperation:
        wrong = _sentence(f"{amount[:20]!r} is not an amount such as 10.50")
        return _html("That did not work", wrong, HTTPStatus.UNPROCESSABLE_ENTITY, session)
    await uses.refunds.refund(session.who, order_id, wanted, reason, refund_id=_uuid(form.get("refund_id", "")))
    return _see_other(f"{HOME}orders/{order_id}")


async def _resolve(request: web.Request, uses: UseCases, session: _Session) -> web.Response:
    form, order_id = await _fields(request), request.match_info["order_id"]
    await uses.settlement.resolve(session.who, order_id, form.get("note", "").strip())
    return _see_other(f"{HOME}orders/{order_id}")


def _uuid(text: str) -> str | None:
    """The name that the form gave the refund, so that sending it twice is asking once."""
    try:
        return str(UUID(text))
    except ValueError:
        return None


_LOGIN = (
    f"<form method=post action={HOME}login><label>Token of an operator "
    "<input name=token type=password autocomplete=off required autofocus></label> <button>Log in</button></form>"
)


def _overview(overview: Overview) -> str:
    counts = [*overview.orders.items(), *((f"subscriptions {name}", n) for name, n in overview.subscriptions.items())]
    counts += [("subscriptions due now", overview.subscriptions_due)]
    held = ", ".join(map(str, overview.bank_balance)) or "nothing"
    return (
        f"<form action={HOME}orders><label>Order, ours or the bank's <input name=order_id required></label> "
        "<button>Show</button></form>"
        + _table(
            "Orders that need attention",
            ("order", "tenant", "why"),
            ((_link(one), one.tenant_id, "; ".join(one.attention)) for one in overview.needs_attention),
        )
        + _table(
            "In doubt",
            ("order", "tenant", "why", "since", "asked next"),
            (
                (_link(one), one.tenant_id, unknown_outcome(one) or "", _moment(one.created_at), _moment(one.check_at))
                for one in overview.in_doubt
            ),
        )
        + _table("All", ("what", "how many"), ((name, str(number)) for name, number in counts))
        + _sentence(f"Held at the bank, by the books: {held}")
    )


def _timeline(timeline: OrderTimeline) -> str:
    return (
        "".join(f"<p class=bad>{escape(reason)}</p>" for reason in timeline.order.attention)
        + _table("", ("", ""), story.facts(timeline.order))
        + _table(
            "What happened",
            ("at (UTC)", "what", "detail"),
            ((_moment(one.at), one.what, one.detail) for one in story.happenings(timeline)),
        )
    )


def _page_of(timeline: OrderTimeline, session: _Session) -> str:
    order = timeline.order
    return _timeline(timeline) + _resolve_form(order, session) + _refund_form(order, session)


def _resolve_form(order: Order, session: _Session) -> str:
    if not order.attention:
        return ""
    return (
        f"<h2>Resolve</h2><form method=post action={HOME}orders/{escape(order.id)}/resolve>{_proof(session)}"
        "<label>What you found and did <input name=note maxlength=500 required></label> <button>Resolve</button></form>"
    )


def _refund_form(order: Order, session: _Session) -> str:
    if not order.is_paid:
        return ""
    return (
        f"<h2>Give money back</h2><form method=post action={HOME}orders/{escape(order.id)}/refund>{_proof(session)}"
        f"<input type=hidden name=refund_id value={uuid4()}>"
        "<label>Amount, all that is left where empty <input name=amount inputmode=decimal maxlength=20></label> "
        "<label>Why <input name=reason maxlength=500 required></label> <button>Give back</button></form>"
    )


class _Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def _table(title: str, columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}' for cell in row)}" for row in rows)
    if not body:
        body = "<tr><td>nothing"
    head = "".join(f"<th>{escape(column)}" for column in columns)
    return (f"<h2>{escape(title)}</h2>" if title else "") + f"<table><tr>{head}{body}</table>"


def _cell(text: str) -> str:
    return text if isinstance(text, _Markup) else escape(text)


def _link(order: Order) -> str:
    return _Markup(f"<a href={HOME}orders/{escape(order.id)}>{escape(order.id)}</a>")


def _moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def _sentence(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _proof(session: _Session) -> str:
    return f"<input type=hidden name=proof value={session.proof}>"


def _see_other(where: str) -> web.Response:
    return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": where, "Content-Security-Policy": POLICY})


def _html(title: str, body: str, status: HTTPStatus = HTTPStatus.OK, session: _Session | None = None) -> web.Response:
    out = f"<form method=post action={HOME}logout>{_proof(session)}<button>Log out</button></form>" if session else ""
    text = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title><style>{_STYLE}</style>"
        f"<p><a href={HOME}>echodesk-billing</a></p><h1>{escape(title)}</h1>{body}{out}</html>"
    )
    headers = {"Content-Security-Policy": POLICY}
    return web.Response(status=status, text=text, content_type="text/html", headers=headers)
