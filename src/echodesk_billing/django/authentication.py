"""Who calls: the project's own users, by Django REST framework where it is installed, else by Django's sessions."""

from __future__ import annotations

import importlib.util
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from echodesk_billing.django.conf import Options
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal, Scope

HAS_REST_FRAMEWORK = importlib.util.find_spec("rest_framework") is not None


def principal_of(request: HttpRequest, options: Options) -> Principal | None:
    """The caller, as the project knows them; None where it does not.

    Raises:
        Refused: 403; the call is forged across sites.
    """
    user = _rest_user(request) if HAS_REST_FRAMEWORK else _session_user(request)
    if user is None or not user.is_authenticated or not user.is_active:
        return None
    name, subdomain, language = options.names_of_tenant(request)
    may_change = options.is_administrator(user, request)
    return Principal(
        tenant_id=options.tenant_of_request(request) or "",
        tenant_name=name,
        user_id=str(user.pk),
        scopes=frozenset({Scope.READ, Scope.WRITE} if may_change else {Scope.READ}),
        full_name=_full_name(user),
        email=getattr(user, "email", "") or "",
        subdomain=subdomain,
        language=language,
    )


def _rest_user(request: HttpRequest) -> Any:
    """By the project's authentication classes; the session's checks the CSRF token itself."""
    from rest_framework.exceptions import APIException  # noqa: PLC0415 - the project may not have it
    from rest_framework.request import Request as RestRequest  # noqa: PLC0415
    from rest_framework.views import APIView  # noqa: PLC0415

    try:
        return RestRequest(request, authenticators=APIView().get_authenticators()).user
    except APIException as error:
        if error.status_code == HTTPStatus.FORBIDDEN and "CSRF" in str(error.detail):
            raise Refused(HTTPStatus.FORBIDDEN, str(error.detail)) from None
        return None


def _session_user(request: HttpRequest) -> Any:
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated and _is_forged(request):
        raise Refused(HTTPStatus.FORBIDDEN, "CSRF failed: send the token of the cookie as X-CSRFToken")
    return user


def _is_forged(request: HttpRequest) -> bool:
    """Whether a call with a session lacks the CSRF token: the views are exempt, as a token needs none."""
    check = CsrfViewMiddleware(_never)
    check.process_request(request)
    return check.process_view(request, _never, (), {}) is not None


def _never(_request: HttpRequest) -> HttpResponse:
    raise AssertionError("a check calls no view")


def _full_name(user: Any) -> str:
    full_name = getattr(user, "get_full_name", None)
    return str(full_name()) if callable(full_name) else ""
