"""What a page of the admin is made of; the templates render it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen


@frozen(kw_only=True)
class Link:
    """Text that leads to the details of something: `model` is its name in the admin."""

    text: str
    model: str
    id: str


Cell = Link | str


@frozen(kw_only=True)
class Filter:
    """A filter of a list: a text to search for, or one of some choices."""

    title: str
    choices: Sequence[tuple[str, str]] = ()


@frozen(kw_only=True)
class Listing:
    """A page of a list.

    Args:
        filters: by the name of their parameter.
        next: the parameter `after` of the next page; None at the end.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    next: str | None = None
    filters: dict[str, Filter] = field(factory=dict)


@frozen(kw_only=True)
class Section:
    """A table below the facts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


@frozen(kw_only=True)
class Details:
    """One thing.

    Args:
        warnings: what needs attention.
    """

    id: str
    title: str
    facts: Sequence[tuple[str, Cell]]
    sections: Sequence[Section] = ()
    warnings: Sequence[str] = ()
