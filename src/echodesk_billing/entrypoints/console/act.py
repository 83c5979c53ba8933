"""What an act of an operator is: its form, what its preview shows, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from attrs import frozen

from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.entrypoints.console.visit import Form, Visit


@frozen
class Field:
    """A field of an act's form.

    Args:
        name: in the form; the label is the word of the same name, unless `label` names another.
        kind: of the input.
        help: a word below it.
    """

    name: str
    kind: str = "text"
    required: bool = True
    label: str = ""
    help: str = ""


@frozen
class Effect:
    """A line of a preview: what, how it is, how it would be."""

    label: str
    before: str
    after: str


@frozen
class Act:
    """Something an operator may do about one thing.

    Args:
        kind: of the thing: `customers`, `orders` or `webhooks`.
        foresee: what it would do, for the preview; it raises what `run` would.
        run: does it, once per key.
    """

    name: str
    kind: str
    fields: Sequence[Field]
    foresee: Callable[[Visit, str, Form], Awaitable[Sequence[Effect]]]
    run: Callable[[Visit, str, Form, str], Awaitable[object]]


REASON = Field("reason")
PART = Field("amount", required=False, help="amount_help")


def text(sent: Form, name: str) -> str:
    """A field of a form, trimmed; empty where it is missing."""
    return sent.get(name, "").strip()


def amount(sent: Form) -> Decimal | None:
    """The amount in a form; None where it is empty.

    Raises:
        InvalidSelection: it is not an amount.
    """
    given = text(sent, "amount")
    try:
        return Decimal(given) if given else None
    except InvalidOperation:
        raise InvalidSelection("amount", f"{given[:20]!r} is not an amount such as 10.50") from None


def day(sent: Form, name: str = "until") -> date | None:
    """A day in a form; None where it is empty.

    Raises:
        InvalidSelection: it is not a day.
    """
    given = text(sent, name)
    try:
        return date.fromisoformat(given) if given else None
    except ValueError:
        raise InvalidSelection(name, f"{given[:20]!r} is not a day such as 2026-01-31") from None
