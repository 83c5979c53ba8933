"""What the import lists: what needs a person, and what is merely worth knowing; and what a person has decided."""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import Factory, frozen


class Kind(enum.StrEnum):
    """What was found."""

    PAID_WITHOUT_EFFECT = "paid without effect"
    PAYMENT_ADDED = "payment added"
    REFUNDED = "refunded"
    AMOUNT_DIFFERS = "amount differs"
    OUTCOME_DIFFERS = "outcome differs"
    CHARGE_WITHOUT_ORDER = "charge without order"
    DUPLICATE = "duplicate"
    INCOMPLETE = "incomplete"
    OVERDUE = "overdue"
    COMPLIMENTARY = "complimentary"
    PRICE_FITTED = "price fitted"
    NO_MANDATE = "no mandate"
    CARD = "card"
    FEATURE = "feature"
    UNKNOWN_AT_BANK = "unknown at the bank"
    ANOTHER_MERCHANT = "another merchant"
    NOT_IMPORTED = "not imported"
    LEFT_ALONE = "left alone"
    CONFLICT = "conflict"


NEEDS_A_PERSON = frozenset(
    {
        Kind.PAID_WITHOUT_EFFECT,
        Kind.REFUNDED,
        Kind.AMOUNT_DIFFERS,
        Kind.OUTCOME_DIFFERS,
        Kind.CHARGE_WITHOUT_ORDER,
        Kind.DUPLICATE,
        Kind.INCOMPLETE,
        Kind.COMPLIMENTARY,
        Kind.ANOTHER_MERCHANT,
        Kind.CONFLICT,
    }
)


def _needs_a_person(finding: Finding) -> bool:
    return finding.kind in NEEDS_A_PERSON


@frozen(kw_only=True)
class Finding:
    """One line of the list.

    Args:
        tenant: schema name; empty where it concerns none.
        subject: the order, card or feature; empty where it is the tenant itself.
        message: what was found, and what becomes of it.
    """

    kind: Kind
    tenant: str = ""
    subject: str = ""
    message: str
    needs_a_person: bool = Factory(_needs_a_person, takes_self=True)


@frozen(kw_only=True)
class Decision:
    """What a person has decided about one tenant.

    Args:
        skip: leave the tenant alone.
        paid_until: instead of what the dates and payments say.
        complimentary: whether nothing is charged when the paid time ends; by its date where None.
        apply: ids of orders whose payment buys a period, or completes its registration.
        settled: ids of orders that need no attention here.
        note: why; kept in the history of the orders.
    """

    skip: bool = False
    paid_until: datetime | None = None
    complimentary: bool | None = None
    apply: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    note: str = ""


UNDECIDED = Decision()
