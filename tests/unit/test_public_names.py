"""Everything an embedder meets can be imported from `echodesk_billing`, and the two faces are one."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import pytest

import echodesk_billing
from echodesk_billing import Billing, BillingError, Event, sync
from echodesk_billing.container import Container

NOT_MET = (Container,)  # held inside, never taken, given or raised


def modules() -> list[Any]:
    """Every module of the package that needs no extra."""
    found = pkgutil.walk_packages(echodesk_billing.__path__, "echodesk_billing.")
    return [
        importlib.import_module(one.name)
        for one in found
        if not re.search(r"\.(migrations|__main__|django)\b", one.name)
    ]


def public_methods(face: type) -> dict[str, Any]:
    """What can be called on a face."""
    return {name: one for name, one in inspect.getmembers(face, callable) if not name.startswith("_")}


def named_in(hint: Any) -> Iterator[type]:
    """The classes of ours in an annotation, and in the fields of those."""
    if isinstance(hint, type) and hint.__module__.startswith("echodesk_billing"):
        yield hint
    for part in get_args(hint):
        yield from named_in(part)


def met() -> set[type]:
    """The classes that calls take and give, with what is in them."""
    hints = [hint for method in public_methods(Billing).values() for hint in get_type_hints(method).values()]
    waiting, found = [one for hint in hints for one in named_in(hint)], set[type]()
    while waiting:
        one = waiting.pop()
        if one in found or one in NOT_MET:
            continue
        found.add(one)
        waiting += [part for hint in get_type_hints(one).values() for part in named_in(hint)]
    return found


def derived(base: type) -> set[type]:
    """A class and all that derive from it."""
    return {base, *(one for child in base.__subclasses__() for one in derived(child))}


def test_types_of_arguments_and_results_can_be_imported() -> None:
    missing = {one.__name__ for one in met()} - set(echodesk_billing.__all__)
    assert missing == set()


def test_every_event_and_every_error_of_the_library_can_be_imported() -> None:
    modules()
    errors = {
        one
        for one in derived(BillingError)
        if not re.search(r"\.(adapters|entrypoints|django)\.", one.__module__ + ".")
    }
    ours = {one.__name__ for one in errors | derived(Event) if one.__module__.startswith("echodesk_billing")}
    assert ours - set(echodesk_billing.__all__) == set()


def test_every_public_name_is_there() -> None:
    assert [name for name in echodesk_billing.__all__ if not hasattr(echodesk_billing, name)] == []
    assert echodesk_billing.__version__.count(".") == 2
    with pytest.raises(AttributeError):
        _ = echodesk_billing.Nonsense  # type: ignore[attr-defined]


def test_the_blocking_face_has_every_method_with_its_own_signature_and_text() -> None:
    awaited, blocking = public_methods(Billing), public_methods(sync.Billing)
    assert set(blocking) - {"close"} == set(awaited)
    for name in set(awaited) - {"open", "on"}:
        assert inspect.signature(blocking[name]) == inspect.signature(awaited[name])
        assert blocking[name].__doc__ == awaited[name].__doc__
