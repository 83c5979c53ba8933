"""Reports in any order and any number leave the same order, and tell each thing once."""

import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.report import BankReport, BankStatus, Source
from tests.builders import NOW, a_manual_order, an_order, gel, refund, report

S = BankStatus
ANSWER = report(S.CREATED, source=Source.ANSWER, payment_url="https://bank.example/pay")
PROCESSING, COMPLETED = report(S.PROCESSING), report(S.COMPLETED)
CUSTOMER_ASKED = report(S.REFUND_REQUESTED, refunds=(refund("a1", "45.00", completed=False),))
PARTLY = report(S.REFUNDED_PARTIALLY, refunds=(refund("a1", "45.00"),), refunded=gel("45.00"))
WHOLLY = report(S.REFUNDED, refunds=(refund("a1", "45.00"), refund("a2", "100.00")), refunded=gel("145.00"))
BLOCKED = report(S.BLOCKED)
TAKEN = report(S.PARTIAL_COMPLETED, transferred=gel("100.00"))

HISTORIES = {
    "paid": [ANSWER, PROCESSING, COMPLETED],
    "declined": [ANSWER, PROCESSING, report(S.REJECTED)],
    "expired": [ANSWER, report(S.REJECTED, code=None, reject_reason="expiration")],
    "refunded": [ANSWER, PROCESSING, COMPLETED, CUSTOMER_ASKED, PARTLY, WHOLLY],
    "refund failed": [COMPLETED, CUSTOMER_ASKED, COMPLETED],
    "discounted": [PROCESSING, report(S.COMPLETED, transferred=gel("140.00"), discount=gel("5.00"))],
}
MANUAL_HISTORIES = {
    "captured in part": [ANSWER, report(S.AUTH_REQUESTED), BLOCKED, TAKEN],
    "released": [ANSWER, BLOCKED, report(S.REJECTED, code=None)],
}
LONGEST = 4
PER_REFUND = ("OrderRefunded", "OrderMismatch", "OrderContested")


def end(order: Order, reports: Sequence[BankReport]) -> tuple[object, Counter[str]]:
    """How an order ends by these reports, and what it tells on the way."""
    told: list[Event] = []
    for one in reports:
        told += order.observe(one, NOW)
    facts = (order.state, order.captured, order.refunded, order.response_code, order.attention, order.payment_url)
    return facts, Counter(event.name for event in told)


@pytest.mark.parametrize("name", HISTORIES | MANUAL_HISTORIES)
def test_every_permutation_with_repetition_ends_alike(name: str) -> None:
    make = a_manual_order if name in MANUAL_HISTORIES else an_order
    history = (HISTORIES | MANUAL_HISTORIES)[name]
    checked = 0
    for size in range(1, LONGEST + 1):
        for multiset in itertools.combinations_with_replacement(history, size):
            permutations = set(itertools.permutations(range(size)))
            ends = [end(make(), [multiset[i] for i in order]) for order in permutations]
            states = {facts for facts, _ in ends}
            assert len(states) == 1, [one.status for one in multiset]
            for _, events in ends:
                assert all(count == 1 for name, count in events.items() if name not in PER_REFUND), events
            checked += len(permutations)
    assert checked > 30


@pytest.mark.parametrize("name", HISTORIES | MANUAL_HISTORIES)
def test_reports_in_any_order_end_in_the_same_state(name: str) -> None:
    make = a_manual_order if name in MANUAL_HISTORIES else an_order
    history = (HISTORIES | MANUAL_HISTORIES)[name]
    expected, _ = end(make(), history)
    for permutation in itertools.permutations(history[:5]):
        assert end(make(), [*permutation, *history])[0] == expected
