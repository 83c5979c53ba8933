"""Shared by all parts of `Billing`: the caller, event delivery, checks of arguments."""

from __future__ import annotations

import asyncio
import enum
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar, get_type_hints

from attrs import evolve

from echodesk_billing.container import Container
from echodesk_billing.domain.arguments import require
from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.ports.access import Principal, Scope

C = TypeVar("C", bound=enum.StrEnum)
P = ParamSpec("P")
T = TypeVar("T")

COURTESY_SECONDS = 0.25
LIBRARY = "library"


def _checked(method: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
    """A method that rejects arguments of the wrong type."""
    signature = inspect.signature(method)

    @functools.cache
    def hints() -> dict[str, object]:
        return get_type_hints(method)

    @functools.wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> T:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            if name not in ("self", "tenant_id"):  # an id is checked by its own rules
                require(name, value, hints()[name])
        return await method(*args, **kwargs)

    return call


def checks_arguments(cls: type[T]) -> type[T]:
    """A class whose public coroutine methods reject arguments of the wrong type."""
    for name, method in list(vars(cls).items()):
        if inspect.iscoroutinefunction(method) and not name.startswith("_"):
            setattr(cls, name, _checked(method))
    return cls


class Face:
    """A part of `Billing`, on a container."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._news, self._delivered = asyncio.Event(), asyncio.Event()
        self._is_slow = False

    async def _announce(self) -> None:
        """Deliver events now. Wait a moment, so that handlers have usually run when a call returns."""
        self._delivered.clear()
        self._news.set()
        if self._is_slow:
            return
        try:
            async with asyncio.timeout(COURTESY_SECONDS):
                await self._delivered.wait()
        except TimeoutError:
            self._is_slow = True

    def _writer(self, tenant_id: str, tenant_name: str, by: str = LIBRARY) -> Principal:
        checked = check_tenant_id(tenant_id, self._container.settings().reserved_tenants)
        return Principal(
            tenant_id=checked,
            tenant_name=tenant_name or checked,
            user_id=by or LIBRARY,
            scopes=frozenset({Scope.READ, Scope.WRITE}),
        )

    def _reader(self, tenant_id: str) -> Principal:
        return evolve(self._writer(tenant_id, ""), scopes=frozenset({Scope.READ}))


def operator(by: str) -> Principal:
    """An operator, with all permissions."""
    return Principal(tenant_id="", tenant_name="", user_id=by or LIBRARY, scopes=frozenset({Scope.OPERATOR}))


def choice(kind: type[C], value: C | str, field: str) -> C:
    """The enumeration member named by a caller.

    Raises:
        InvalidSelection: it has no such member.
    """
    try:
        return kind(value)
    except ValueError:
        raise InvalidSelection(field, f"{field} is {value!r}: choose one of {', '.join(kind)}") from None
