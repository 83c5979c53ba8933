"""A request of an operator in a session, and who may make it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from attrs import frozen

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.entrypoints.console import rendering, sessions
from echodesk_billing.entrypoints.console.sessions import HOME
from echodesk_billing.entrypoints.console.words import words
from echodesk_billing.entrypoints.http import georgian, problems
from echodesk_billing.entrypoints.http.forms import Session, fields
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal

Form = dict[str, str]


@frozen
class Visit:
    """One request of an operator in a session."""

    request: Request
    uses: UseCases
    session: Session

    @property
    def who(self) -> Principal:
        """The operator."""
        return self.session.who

    @property
    def words(self) -> dict[str, str]:
        """What the console says, in the operator's language."""
        return words(rendering.language_of(self.request))

    @property
    def language(self) -> str:
        """`ka` or `en`."""
        return rendering.language_of(self.request)

    def asked(self, name: str) -> str:
        """A field of the query, trimmed and bounded."""
        return self.request.query.get(name, "").strip()[:200]

    def render(self, template: str, **values: Any) -> Response:
        """A page in this session."""
        return rendering.render(self.request, self.uses, template, session=self.session, **values)


Handler = Callable[[Request, UseCases], Awaitable[Response]]
Visitor = Callable[[Visit], Awaitable[Response]]
Submitted = Callable[[Visit, Form], Awaitable[Response]]


def page(handler: Visitor) -> Handler:
    """Show a page to an operator, the login page to everyone else, and errors as messages."""

    async def serve(request: Request, uses: UseCases) -> Response:
        session = await sessions.current(request, uses)
        if session is None:
            status = HTTPStatus.OK if request.path == HOME else HTTPStatus.UNAUTHORIZED
            return rendering.render(request, uses, "login.html", status, wrong=False)
        try:
            return await handler(Visit(request, uses, session))
        except BillingError as error:
            return refusal(Visit(request, uses, session), problems.from_error(error))
        except Refused as refused:
            return refusal(Visit(request, uses, session), refused)

    return serve


def form(handler: Submitted, *, changes: bool = True) -> Handler:
    """The same for a form: only with a valid CSRF token, and only for those who may change something.

    Args:
        changes: whether read-only sessions are refused.
    """

    async def checked(visit: Visit) -> Response:
        sent = await fields(visit.request)
        if not visit.session.is_proved(sent.get("proof", "")):
            return _message(visit, "refused", "reload", HTTPStatus.FORBIDDEN)
        if changes and not sessions.can_write(visit.session):
            return _message(visit, "refused", "read_only", HTTPStatus.FORBIDDEN)
        return await handler(visit, sent)

    return page(checked)


def refusal(visit: Visit, refused: Refused) -> Response:
    """The page of something that could not be done."""
    sentence = georgian.sentence(refused.detail) if visit.language == "ka" else None
    return _message(visit, "wrong", sentence or refused.detail, refused.status)


def address(kind: str, key: str) -> str:
    """The page of an order or a customer."""
    return f"{HOME}{kind}/{quote(key, safe='')}"


def _message(visit: Visit, title: str, text: str, status: HTTPStatus) -> Response:
    return rendering.message(visit.request, visit.uses, title, text, status, visit.session)
