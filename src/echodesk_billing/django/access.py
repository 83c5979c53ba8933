"""What a tenant may use, without a query per request.

A process keeps a tenant's features and the end of its access for `ACCESS_CACHE_SECONDS` (30). Access that ends with
time ends at once; a change that somebody else makes shows after that.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from attrs import frozen
from django.http import HttpRequest, HttpResponse, JsonResponse

from echodesk_billing.django.runtime import runtime

MOST_TENANTS = 10_000
_View = Callable[..., HttpResponse]


@frozen
class _Access:
    features: frozenset[str]
    until: datetime | None
    ahead: timedelta
    known_until: float

    @property
    def is_open(self) -> bool:
        return self.until is not None and datetime.now(UTC) + self.ahead < self.until


_known: dict[str, _Access] = {}
_lock = threading.Lock()


def has_access(tenant_id: str) -> bool:
    """Whether a tenant has access now: paid, in trial, or in grace."""
    return _access(tenant_id).is_open


def has_feature(tenant_id: str, key: str) -> bool:
    """Whether a tenant may use a feature now."""
    access = _access(tenant_id)
    return access.is_open and key in access.features


def forget(tenant_id: str | None = None) -> None:
    """Ask anew next time, for one tenant or for all."""
    with _lock:
        _known.clear() if tenant_id is None else _known.pop(tenant_id, None)


def require_active_subscription(view: _View | None = None, *, feature: str = "") -> Any:
    """A decorator of views: answers 402 where the request's tenant has no access.

    Args:
        feature: also require this feature.
    """
    if view is None:
        return functools.partial(require_active_subscription, feature=feature)

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not _may(request, feature):
            return JsonResponse({"error": _message(feature)}, status=HTTPStatus.PAYMENT_REQUIRED)
        return view(request, *args, **kwargs)

    return guarded


def _may(request: HttpRequest, feature: str) -> bool:
    tenant_id = runtime().options.tenant_of_request(request)
    if tenant_id is None:
        return False
    return has_feature(tenant_id, feature) if feature else has_access(tenant_id)


def _message(feature: str) -> str:
    return f"The subscription does not include {feature}" if feature else "There is no active subscription"


def _access(tenant_id: str) -> _Access:
    with _lock:
        found = _known.get(tenant_id)
    if found is not None and time.monotonic() < found.known_until:
        return found
    view = runtime().billing.subscription(tenant_id)
    running, plan = view.subscription, view.plan
    access = _Access(
        features=frozenset(plan.features if plan else ()),
        until=running.access_until if running else None,
        ahead=view.now - datetime.now(UTC),
        known_until=time.monotonic() + runtime().options.access_cache_seconds,
    )
    with _lock:
        if len(_known) >= MOST_TENANTS:
            _known.clear()
        _known[tenant_id] = access
    return access


try:
    from rest_framework.permissions import BasePermission
except ImportError:  # the project has no Django REST framework
    pass
else:

    class HasActiveSubscription(BasePermission):
        """A permission of Django REST framework: the request's tenant has access.

        `HasActiveSubscription.to("telephony")` also requires a feature.
        """

        feature = ""

        @classmethod
        def to(cls, feature: str) -> type[HasActiveSubscription]:
            """The permission that also requires a feature."""
            return type(f"{cls.__name__}To{feature.title()}", (cls,), {"feature": feature})

        @property
        def message(self) -> str:
            """What the customer reads."""
            return _message(self.feature)

        def has_permission(self, request: Any, _view: Any) -> bool:
            """Whether the request's tenant has access."""
            return _may(request, self.feature)
