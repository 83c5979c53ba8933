"""The project's settings: `ECHODESK_BILLING`, over `.env` and the environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import frozen
from django.conf import settings as django_settings
from django.utils.module_loading import import_string

from echodesk_billing.setting_values import InvalidSettings
from echodesk_billing.settings import Settings, load_settings, process_environment

NAME = "ECHODESK_BILLING"
DEFAULTS: Mapping[str, Any] = {
    "TENANT_OF_REQUEST": "echodesk_billing.django.hooks.tenant_of_request",
    "IS_ADMINISTRATOR": "echodesk_billing.django.hooks.is_administrator",
    "NAMES_OF_TENANT": "echodesk_billing.django.hooks.names_of_tenant",
    "USAGE": "",
    "ALLOW_ATOMIC": False,
    "ACCESS_CACHE_SECONDS": 30,
}


@frozen(kw_only=True)
class Options:
    """What only the Django app needs to know.

    Args:
        tenant_of_request: the tenant's id, or None outside of tenants.
        is_administrator: whether a user may buy and change; of the user and the request.
        names_of_tenant: display name, subdomain and language of the request's tenant; empty where not known.
        usage: how much of its plan a tenant uses; None for nothing.
        allow_atomic: whether billing may be called inside `atomic()`.
        access_cache_seconds: how long what a tenant may use is kept in a process.
    """

    tenant_of_request: Callable[[Any], str | None]
    is_administrator: Callable[[Any, Any], bool]
    names_of_tenant: Callable[[Any], tuple[str, str, str]]
    usage: Any
    allow_atomic: bool
    access_cache_seconds: float


def billing_settings() -> Settings:
    """The settings of billing: those of the project win over the environment.

    Raises:
        InvalidSettings: a variable is invalid or missing.
    """
    return load_settings({**process_environment(), **variables()})


def options() -> Options:
    """The options of the app, with their hooks imported.

    Raises:
        InvalidSettings: a hook cannot be imported.
    """
    given = {**DEFAULTS, **{name: value for name, value in _given().items() if name in DEFAULTS}}
    return Options(
        tenant_of_request=_hook("TENANT_OF_REQUEST", given),
        is_administrator=_hook("IS_ADMINISTRATOR", given),
        names_of_tenant=_hook("NAMES_OF_TENANT", given),
        usage=_hook("USAGE", given) if given["USAGE"] else None,
        allow_atomic=bool(given["ALLOW_ATOMIC"]),
        access_cache_seconds=float(given["ACCESS_CACHE_SECONDS"]),
    )


def _given() -> Mapping[str, Any]:
    given = getattr(django_settings, NAME, {})
    if not isinstance(given, Mapping):
        raise InvalidSettings(f"{NAME} is {given!r}: it must be a dictionary")
    return given


def variables() -> dict[str, str]:
    """The variables among the settings; lists are joined with commas.

    Raises:
        InvalidSettings: the settings are not a dictionary.
    """
    given = {name: value for name, value in _given().items() if name not in DEFAULTS and value is not None}
    return {name: _text(value) for name, value in given.items()}


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _hook(name: str, given: Mapping[str, Any]) -> Any:
    hook = given[name]
    if callable(hook):
        return hook
    try:
        return import_string(hook)
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidSettings(f'{NAME}["{name}"] is {hook!r}: give a function or its dotted path ({error})') from None
