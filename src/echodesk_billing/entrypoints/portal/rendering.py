"""Rendering of the portal's pages."""

from __future__ import annotations

from http import HTTPStatus
from importlib.resources import files
from typing import Any

import jinja2

from echodesk_billing.application.errors import LinkInvalid
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.customers.wording import day
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.entrypoints.http import georgian, html, problems
from echodesk_billing.entrypoints.http.forms import Session
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.entrypoints.portal import sessions
from echodesk_billing.entrypoints.portal.sessions import HOME
from echodesk_billing.entrypoints.portal.words import LANGUAGES, words

STYLE = f"{HOME}style.css"
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("echodesk_billing.entrypoints.portal"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(home=HOME, style=STYLE, languages=LANGUAGES)
_STYLE_SHEET = (files("echodesk_billing.entrypoints.portal") / "templates" / "style.css").read_bytes()
_BANK = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)
_GENERAL = {
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.CONFLICT: "conflict",
    HTTPStatus.UNPROCESSABLE_ENTITY: "invalid",
    HTTPStatus.BAD_REQUEST: "invalid",
    **dict.fromkeys(_BANK, "bank_away"),
}


def render(
    request: Request,
    uses: UseCases,
    template: str,
    *,
    language: str,
    session: Session | None = None,
    status: HTTPStatus = HTTPStatus.OK,
    **values: Any,
) -> Response:
    """A page in a language; one that was chosen on the page is remembered."""

    def the_day(moment: Any) -> str:
        return day(moment, language, uses.time_zone) if moment else ""

    body = _templates.get_template(template).render(
        {"session": session, "language": language, "w": words(language), "path": request.path, "day": the_day, **values}
    )
    answer = html.page(body, language, status)
    if request.query.get("language") == language:
        answer.cookies.append(sessions.language_cookie(language, uses))
    return answer


def message(
    request: Request,
    uses: UseCases,
    title: str,
    text: str,
    *,
    language: str,
    session: Session | None = None,
    status: HTTPStatus = HTTPStatus.OK,
) -> Response:
    """A page that says one thing.

    Args:
        title: a key of the words.
        text: a key of the words, or a sentence.
    """
    said = words(language)
    return render(
        request,
        uses,
        "message.html",
        language=language,
        session=session,
        status=status,
        title=said[title],
        text=said.get(text, text),
    )


def failure(
    request: Request, uses: UseCases, error: BillingError, *, language: str, session: Session | None
) -> Response:
    """The page of an error, in words for customers."""
    if isinstance(error, LinkInvalid):
        return link_over(request, uses, language)
    refused = problems.from_error(error)
    return refusal(request, uses, refused, language=language, session=session)


def refusal(request: Request, uses: UseCases, refused: Refused, *, language: str, session: Session | None) -> Response:
    """The page of a refused request."""
    status = refused.status
    text = _GENERAL.get(status, "wrong")
    if status not in _BANK and language == "en":
        text = refused.detail
    if status not in _BANK and language == "ka":
        text = georgian.sentence(refused.detail) or text
    return message(request, uses, "wrong", text, language=language, session=session, status=status)


def link_over(request: Request, uses: UseCases, language: str) -> Response:
    """The page of a link that leads to nothing: the same for a forged, an old and a used one."""
    return message(request, uses, "link_over", "link_over_why", language=language, status=HTTPStatus.GONE)


def to_bank(request: Request, uses: UseCases, order: Order, *, language: str, session: Session | None) -> Response:
    """A page that leads on to the bank's: a redirect after a form would need its address in the policy of every page.

    The address is the one that the bank gave for the order.
    """
    if order.payment_url is None:
        return message(request, uses, "wrong", "bank_away", language=language, session=session)
    return render(request, uses, "bank.html", language=language, session=session, url=order.payment_url)


async def style(_request: Request, _uses: UseCases) -> Response:
    """The style sheet."""
    return html.style_sheet(_STYLE_SHEET)
