"""Arguments of a wrong type, refused with a sentence before they have done anything."""

from __future__ import annotations

import functools
import types
from collections.abc import Collection, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from attrs import Attribute
from attrs.validators import and_

from echodesk_billing.domain.errors import InvalidArgument

_LONGEST_SHOWN = 60


def require(name: str, value: object, hint: object) -> None:
    """Check one argument against its annotation.

    Raises:
        InvalidArgument: it is of another type.
    """
    if not _fits(value, hint):
        raise InvalidArgument(name, f"{name} is {repr(value)[:_LONGEST_SHOWN]}: give {_said(hint)}")


def typed(cls: type, fields: list[Attribute[Any]]) -> list[Attribute[Any]]:
    """A `field_transformer` of attrs: each field is checked against its annotation, then by its own validator."""
    hints = functools.cache(lambda: get_type_hints(cls))

    def check(_instance: object, attribute: Attribute[Any], value: object) -> None:
        require(attribute.name, value, hints()[attribute.name])

    return [one.evolve(validator=and_(check, one.validator) if one.validator else check) for one in fields]


def _fits(value: object, hint: object) -> bool:
    if isinstance(hint, type):
        is_flag = isinstance(value, bool)
        return isinstance(value, hint) and (hint is bool or not is_flag)
    kind = get_origin(hint)
    if kind in (Union, types.UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if issubclass(kind or object, Mapping):
        return isinstance(value, Mapping)
    if issubclass(kind or object, Collection):
        element = get_args(hint)[0]
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Collection):
            return False
        return all(_fits(one, element) for one in value)
    return True


def _said(hint: object) -> str:
    if hint is types.NoneType:
        return "None"
    if isinstance(hint, type):
        return hint.__name__
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_said(one) for one in get_args(hint))
    return f"a list of {_said(get_args(hint)[0])}"
