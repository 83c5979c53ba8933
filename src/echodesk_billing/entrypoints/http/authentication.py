"""Authentication and authorisation of requests."""

from __future__ import annotations

from http import HTTPStatus

from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.domain.customers.tenant import subdomain, tenant_id
from echodesk_billing.domain.errors import InvalidTenant
from echodesk_billing.entrypoints.http.message import Request
from echodesk_billing.entrypoints.http.problems import Refused
from echodesk_billing.ports.access import Principal, Scope


async def authenticate(request: Request, uses: UseCases, scope: Scope) -> Principal:
    """The owner of the request's token, which must allow `scope`.

    Raises:
        Refused: 401 without a valid token, 403 where it does not allow the scope.
        OrderNotFound: the order belongs to another tenant; answered before 403, so that its existence stays hidden.
    """
    known = request.principal or await _owner(request, uses)
    if known is None:
        raise Refused(
            HTTPStatus.UNAUTHORIZED,
            "A valid token is needed: send 'Authorization: Token <token>'",
            headers={"WWW-Authenticate": "Token"},
        )
    is_ours = request.principal is None and uses.access is uses.tokens
    if not is_ours and Scope.OPERATOR not in known.scopes:
        _require_tenant(known)  # from the CRM's own access; our tokens were checked when issued
    if not known.allows(scope):
        if "order_id" in request.parameters:
            await uses.views.order(known, request.parameters["order_id"])
        raise Refused(HTTPStatus.FORBIDDEN, f"This token does not allow that: it needs the scope {scope}")
    return known


async def _owner(request: Request, uses: UseCases) -> Principal | None:
    """The owner of the token in the header."""
    kind, _, token = request.header("Authorization").partition(" ")
    if kind.lower() not in ("token", "bearer"):
        return None
    return await uses.access.authenticate(token.strip(), request.host_name)


def _require_tenant(who: Principal) -> None:
    try:
        tenant_id(who.tenant_id)
        if who.subdomain:
            subdomain(who.subdomain)
    except InvalidTenant as error:
        raise Refused(HTTPStatus.FORBIDDEN, str(error)) from None
