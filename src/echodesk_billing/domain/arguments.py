"""Type checks of arguments, before they have any effect."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import Attribute
from attrs.validators import and_

from echodesk_billing.domain.errors import InvalidArgument

_LONGEST_SHOWN = 60


def require(name: str, value: object, hint: object) -> None:
    """Check one argument against its annotation.

    Raises:
        InvalidArgument: it has another type.
    """
    if not _check(hint)(value):
        raise _refusal(name, value, hint)


def typed(cls: type, fields: list[Attribute[Any]]) -> list[Attribute[Any]]:
    """A `field_transformer` of attrs: each field is checked against its annotation, then by its own validator."""
    checks = functools.cache(lambda: {name: (_check(hint), hint) for name, hint in get_type_hints(cls).items()})

    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        fits, hint = checks()[attribute.name]
        if not fits(value):
            raise _refusal(attribute.name, value, hint)

    return [one.evolve(validator=and_(check, one.validator) if one.validator else check) for one in fields]


def _refusal(name: str, value: object, hint: object) -> InvalidArgument:
    return InvalidArgument(name, f"{name} is {repr(value)[:_LONGEST_SHOWN]}: give {_said(hint)}")


@functools.cache
def _check(hint: object) -> Callable[[object], bool]:
    """A check of values against an annotation, made once: orders that are loaded run it thousands of times a second."""
    if isinstance(hint, type):
        return lambda value: (
            type(value) is hint or (isinstance(value, hint) and (hint is bool or not isinstance(value, bool)))
        )
    kind = get_origin(hint)
    if kind in (Union, types.UnionType):
        options = [_check(one) for one in get_args(hint)]
        return lambda value: any(fits(value) for fits in options)
    if issubclass(kind or object, Mapping):
        return lambda value: isinstance(value, Mapping)
    if issubclass(kind or object, Collection):
        element_fits = _check(get_args(hint)[0])
        return lambda value: (
            isinstance(value, Collection)
            and not isinstance(value, str | bytes | Mapping)
            and all(map(element_fits, value))
        )
    return lambda _value: True


def _said(hint: object) -> str:
    if hint is types.NoneType:
        return "None"
    if isinstance(hint, type):
        return hint.__name__
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_said(one) for one in get_args(hint))
    return f"a list of {_said(get_args(hint)[0])}"
