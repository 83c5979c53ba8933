"""Errors as `application/problem+json`: one table from error types to statuses."""

from __future__ import annotations

import re
from http import HTTPStatus

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType

from echodesk_billing.application.errors import (
    CallbackOrderUnknown,
    CallbackRefused,
    CardNotFound,
    CouponNotFound,
    CustomerNotFound,
    EndpointNotFound,
    InvoiceNotFound,
    LinkExpired,
    LinkInvalid,
    OrderNotFound,
    ProformaNotFound,
)
from echodesk_billing.domain.errors import (
    AmountTooLarge,
    BillingError,
    ChangeRefused,
    FeatureRequired,
    IllegalTransition,
    InvalidMoney,
    InvalidSelection,
    InvalidTenant,
    NameTaken,
    NoActiveSubscription,
    NothingScheduled,
    TrialRefused,
)
from echodesk_billing.entrypoints.http import georgian
from echodesk_billing.entrypoints.http.message import Request, Response
from echodesk_billing.ports.gateway import (
    GatewayNonsense,
    GatewayNotConfigured,
    GatewayRefused,
    GatewayTimeout,
    GatewayUnavailable,
    MalformedCallback,
)
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.ports.vault import VaultClosed

log = structlog.get_logger()


class FieldError(Struct, frozen=True, kw_only=True):
    """An error of one field."""

    field: str
    message: str


class Problem(Struct, frozen=True, kw_only=True):
    """An error, by RFC 9457; `error` repeats `detail` for the frontend."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    error: str
    errors: list[FieldError] | UnsetType = UNSET


_STATUSES: tuple[tuple[type[BillingError], HTTPStatus], ...] = (
    (MalformedCallback, HTTPStatus.BAD_REQUEST),
    (CallbackRefused, HTTPStatus.UNAUTHORIZED),
    (OrderNotFound, HTTPStatus.NOT_FOUND),
    (CardNotFound, HTTPStatus.NOT_FOUND),
    (InvoiceNotFound, HTTPStatus.NOT_FOUND),
    (ProformaNotFound, HTTPStatus.NOT_FOUND),
    (CouponNotFound, HTTPStatus.NOT_FOUND),
    (LinkExpired, HTTPStatus.GONE),
    (LinkInvalid, HTTPStatus.GONE),
    (EndpointNotFound, HTTPStatus.NOT_FOUND),
    (CustomerNotFound, HTTPStatus.NOT_FOUND),
    (CallbackOrderUnknown, HTTPStatus.NOT_FOUND),
    (NoActiveSubscription, HTTPStatus.NOT_FOUND),
    (IllegalTransition, HTTPStatus.CONFLICT),
    (AmountTooLarge, HTTPStatus.CONFLICT),
    (ChangeRefused, HTTPStatus.CONFLICT),
    (TrialRefused, HTTPStatus.CONFLICT),
    (NameTaken, HTTPStatus.CONFLICT),
    (NothingScheduled, HTTPStatus.NOT_FOUND),
    (VaultClosed, HTTPStatus.SERVICE_UNAVAILABLE),
    (FeatureRequired, HTTPStatus.BAD_REQUEST),
    (InvalidSelection, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidMoney, HTTPStatus.UNPROCESSABLE_ENTITY),
    (InvalidTenant, HTTPStatus.UNPROCESSABLE_ENTITY),
    (GatewayNonsense, HTTPStatus.BAD_GATEWAY),
    (GatewayRefused, HTTPStatus.BAD_GATEWAY),
    (GatewayTimeout, HTTPStatus.GATEWAY_TIMEOUT),
    (GatewayUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
    (GatewayNotConfigured, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageUnavailable, HTTPStatus.SERVICE_UNAVAILABLE),
)


class Refused(Exception):
    """A request rejected before it reaches a use case.

    Args:
        status: of the answer.
        detail: what was wrong and what to do.
        headers: of the answer, such as `Retry-After`.
        errors: per field.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: list[FieldError] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors


def problem(request: Request, refused: Refused) -> Response:
    """The answer to a rejected request, in the language that it asks for."""
    is_georgian = request.language == "ka"
    detail = georgian.translated(refused.detail, refused.status) if is_georgian else refused.detail
    errors = refused.errors or []
    if is_georgian:
        errors = [FieldError(field=one.field, message=georgian.sentence(one.message) or detail) for one in errors]
    body = Problem(
        title=georgian.title(refused.status) if is_georgian else refused.status.phrase,
        status=refused.status,
        detail=detail,
        instance=request.path,
        error=detail,
        errors=errors or UNSET,
    )
    return Response(
        status=refused.status,
        body=msgspec.json.encode(body),
        content_type="application/problem+json",
        headers=dict(refused.headers),
    )


def from_error(error: Exception) -> Refused:
    """The answer to an error of the library; an unexpected one is logged and hidden."""
    if isinstance(error, Refused):
        return error
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            return Refused(status, str(error), headers=_headers(error, status), errors=_errors(error))
    log.error("http.failed", error=type(error).__name__, exc_info=error)
    return Refused(HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error; it is logged with the request id")


def from_validation(error: msgspec.MsgspecError | UnicodeDecodeError | RecursionError) -> Refused:
    """The answer to a body that does not match its type."""
    if not isinstance(error, msgspec.ValidationError):
        return Refused(HTTPStatus.BAD_REQUEST, f"The body is not JSON: {error}")
    message, _, where = str(error).partition(" - at `$")
    field = re.sub(r"\[.*", "", where.strip("`.")) or "body"
    return Refused(
        HTTPStatus.BAD_REQUEST,
        f"{field}: {message}",
        errors=[FieldError(field=field, message=message)],
    )


def _headers(error: BillingError, status: HTTPStatus) -> dict[str, str]:
    if isinstance(error, GatewayUnavailable):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"Retry-After": "30"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}


def _errors(error: BillingError) -> list[FieldError] | None:
    return [FieldError(field=error.field, message=error.message)] if isinstance(error, InvalidSelection) else None
