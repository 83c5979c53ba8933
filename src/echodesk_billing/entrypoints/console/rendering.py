"""Rendering of the console's pages, in Georgian and English."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.entrypoints.console.sessions import HOME, can_write
from echodesk_billing.entrypoints.console.words import LANGUAGES, words
from echodesk_billing.entrypoints.http import html
from echodesk_billing.entrypoints.http.forms import Session, cookie
from echodesk_billing.entrypoints.http.message import Request, Response

STYLE = f"{HOME}style.css"
LANGUAGE_COOKIE = "billing_console_language"
YEAR_SECONDS = 366 * 24 * 3600
SECTIONS = (
    ("overview", ""),
    ("customers", "customers"),
    ("subscriptions", "subscriptions"),
    ("orders", "orders"),
    ("invoices", "invoices"),
    ("mails", "mails"),
    ("webhooks", "webhooks"),
    ("callbacks", "callbacks"),
    ("workers", "workers"),
    ("acts", "acts"),
)
_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("echodesk_billing.entrypoints.console"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals.update(home=HOME, style=STYLE, languages=LANGUAGES, sections=SECTIONS)
_STYLE_SHEET = (files("echodesk_billing.entrypoints.console") / "templates" / "style.css").read_bytes()


def language_of(request: Request) -> str:
    """The operator's language: chosen on the page, remembered, or the browser's."""
    wanted = (request.query.get("language", ""), request.cookies.get(LANGUAGE_COOKIE, ""), request.language)
    return next(one for one in wanted if one in LANGUAGES)


def moment(at: datetime | None, uses: UseCases) -> str:
    """A moment in the time zone of the settings, to the minute."""
    return f"{at.astimezone(ZoneInfo(uses.time_zone)):%Y-%m-%d %H:%M}" if at else ""


def written(at: datetime | None, uses: UseCases) -> Markup:
    """The same for a page."""
    return Markup('<time datetime="{:%Y-%m-%dT%H:%M:%SZ}">{}</time>').format(at, moment(at, uses)) if at else Markup("")


def render(
    request: Request,
    uses: UseCases,
    template: str,
    status: HTTPStatus = HTTPStatus.OK,
    *,
    session: Session | None = None,
    **values: Any,
) -> Response:
    """A page; a language that was chosen on it is remembered."""
    language = language_of(request)
    shown = {
        "session": session,
        "can_write": session is not None and can_write(session),
        "language": language,
        "w": words(language),
        "path": request.path,
        "moment": lambda at: written(at, uses),
        "time_zone": uses.time_zone,
        "said": request.query.get("said", ""),
        "searched": request.query.get("q", "") if request.path == f"{HOME}search" else "",
    }
    body = _templates.get_template(template).render({**shown, **values})
    answer = html.page(body, language, status)
    if request.query.get("language") == language:
        is_secure = uses.api_domain.startswith("https:")
        answer.cookies.append(
            cookie(LANGUAGE_COOKIE, language, path=HOME, max_age=YEAR_SECONDS, is_secure=is_secure, same_site="Lax")
        )
    return answer


def message(
    request: Request,
    uses: UseCases,
    title: str,
    text: str,
    status: HTTPStatus,
    session: Session | None = None,
) -> Response:
    """A page that says one thing.

    Args:
        title: a key of the words.
        text: a key of the words, or a sentence.
    """
    said = words(language_of(request))
    return render(request, uses, "message.html", status, session=session, title=said[title], text=said.get(text, text))


async def style(_request: Request, _uses: UseCases) -> Response:
    """The style sheet."""
    return html.style_sheet(_STYLE_SHEET)
