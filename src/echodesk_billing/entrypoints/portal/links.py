"""Pages behind links in mails: into the portal, to pay, to unsubscribe; and the way back from the bank.

A link that is forged, too old, for another customer or paid leads to one and the same page, which tells nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from echodesk_billing.application.links import UNSUBSCRIBE
from echodesk_billing.application.pay_links import Debt
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.calls import Page
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.portal import rendering, sessions
from echodesk_billing.entrypoints.portal.sessions import HOME

_Handler = Callable[[Request, UseCases], Awaitable[Response]]


def pages() -> list[Page]:
    """The pages of links."""
    return [
        Page(path=f"{HOME}enter/{{link}}", handler=_safely(_enter)),
        Page(path=f"{HOME}back", handler=_back),
        Page(path="/pay/{link}", handler=_safely(_show_debt)),
        Page(path="/pay/{link}", method="POST", handler=_safely(_pay)),
        Page(path="/mail/unsubscribe/{link}", handler=_safely(_ask_to_unsubscribe)),
        Page(path="/mail/unsubscribe/{link}", method="POST", handler=_safely(_unsubscribe)),
    ]


def _safely(handler: _Handler) -> _Handler:
    async def serve(request: Request, uses: UseCases) -> Response:
        language = sessions.language_of(request)
        try:
            return await handler(request, uses)
        except BillingError as error:
            return rendering.failure(request, uses, error, language=language, session=None)

    return serve


async def _enter(request: Request, uses: UseCases) -> Response:
    """Open a session, and leave the link's address."""
    secret, _ = await uses.portal.enter(request.parameters["link"])
    answer = html.go(HOME)
    answer.cookies.append(sessions.opening_cookie(secret, uses))
    return answer


async def _back(request: Request, uses: UseCases) -> Response:
    """Where the bank sends the browser after a payment of the portal or of a pay link."""
    session = await sessions.current(request, uses)
    outcome = "paid" if request.query.get("payment") == "success" else "unpaid"
    language = sessions.language_of(request)
    title, text = f"{outcome}_title", f"{outcome}_text"
    return rendering.message(request, uses, title, text, language=language, session=session)


def _language(request: Request, debt: Debt) -> str:
    return sessions.language_of(request, debt.customer.profile.language if debt.customer else "")


async def _show_debt(request: Request, uses: UseCases) -> Response:
    """What is owed. The bank's page is made by the button, not by programs that open every link of a mail."""
    debt = await uses.pay_links.show(request.parameters["link"])
    language = _language(request, debt)
    name = debt.customer.buyer if debt.customer else debt.tenant_id
    return rendering.render(request, uses, "pay.html", language=language, debt=debt, name=name)


async def _pay(request: Request, uses: UseCases) -> Response:
    token = request.parameters["link"]
    debt = await uses.pay_links.show(token)
    order = await uses.pay_links.pay(token)
    return rendering.to_bank(request, uses, order, language=_language(request, debt), session=None)


async def _ask_to_unsubscribe(request: Request, uses: UseCases) -> Response:
    uses.links.read(UNSUBSCRIBE, request.parameters["link"], 2)
    return rendering.render(request, uses, "unsubscribe.html", language=sessions.language_of(request))


async def _unsubscribe(request: Request, uses: UseCases) -> Response:
    """The button of the page, and the one click of mail programs (RFC 8058)."""
    tenant_id, address = uses.links.read(UNSUBSCRIBE, request.parameters["link"], 2)
    await uses.mails.unsubscribe(tenant_id, address)
    language = sessions.language_of(request)
    return rendering.message(request, uses, "unsubscribe", "unsubscribed", language=language)
