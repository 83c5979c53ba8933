"""One view for every path of the API: Django's request goes to the contract, and its answer comes back."""

from __future__ import annotations

from http import HTTPStatus

from asgiref.sync import sync_to_async
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.db import connections
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from echodesk_billing.django.authentication import principal_of
from echodesk_billing.django.runtime import CalledInTransaction, runtime
from echodesk_billing.entrypoints.http import problems
from echodesk_billing.entrypoints.http.limits import too_large
from echodesk_billing.entrypoints.http.message import Request, Response, body_of
from echodesk_billing.entrypoints.http.payments import WEBHOOK
from echodesk_billing.entrypoints.http.problems import Refused


async def billing_view(request: HttpRequest, **_parameters: str) -> HttpResponse:
    """Answer a request to the API. Works under WSGI and ASGI."""
    message = Request(
        method=request.method or "",
        path=request.path_info,
        query={name: values[0] for name, values in request.GET.lists()},
        target=request.get_full_path_info(),
        headers=request.headers.items(),
        remote=request.META.get("REMOTE_ADDR", ""),
    )
    try:
        message.host = request.get_host()
        content = await sync_to_async(_body)(request)
        message.has_body, message.receive = bool(content), body_of(content)
        if request.path_info != WEBHOOK:
            message.principal = await sync_to_async(principal_of)(request, runtime().options)
        return _rendered(await runtime().handle(message))
    except (Refused, CalledInTransaction) as refused:
        problem = refused if isinstance(refused, Refused) else Refused(HTTPStatus.INTERNAL_SERVER_ERROR, str(refused))
        return _rendered(problems.problem(message, problem))
    except DisallowedHost as error:
        return _rendered(problems.problem(message, Refused(HTTPStatus.BAD_REQUEST, str(error))))


# Tokens need no CSRF token, and `principal_of` checks that of sessions. An order must be committed before the bank is
# called, so no transaction is opened around the view.
vars(billing_view).update(csrf_exempt=True, _non_atomic_requests=set(connections))


def _body(request: HttpRequest) -> bytes:
    try:
        return request.body
    except RequestDataTooBig:
        raise too_large() from None
    except UnreadablePostError:
        raise Refused(HTTPStatus.BAD_REQUEST, "The body was cut off") from None


def _rendered(response: Response) -> HttpResponse:
    rendered = HttpResponse(response.body, status=response.status, content_type=response.content_type)
    for name, value in response.headers.items():
        rendered.headers[name] = value
    for cookie in response.cookies:
        rendered.cookies.load(cookie)
    return rendered
