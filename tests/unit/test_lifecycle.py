"""The tables of transitions: every state and every event."""

import enum
import itertools

import pytest
from attrs import define, fields

from echodesk_billing import IllegalTransition
from echodesk_billing.domain.events import EVENT_TYPES
from echodesk_billing.domain.lifecycle import (
    ORDER_TRANSITIONS,
    SUBSCRIPTION_TRANSITIONS,
    OrderState,
    SubscriptionState,
    fire,
    order_path,
)

TABLES = [(OrderState, ORDER_TRANSITIONS), (SubscriptionState, SUBSCRIPTION_TRANSITIONS)]
CASES = [
    (state, event, {row.target for row in table if row.source is state and row.event == event})
    for states, table in TABLES
    for state, event in itertools.product(states, [*sorted({row.event for row in table}), "fly"])
]


@define
class Thing:
    state: OrderState | SubscriptionState
    subject: str = "the thing"


@pytest.mark.parametrize(("state", "event", "targets"), CASES)
def test_every_event_in_every_state(
    state: OrderState | SubscriptionState, event: str, targets: set[enum.StrEnum]
) -> None:
    thing = Thing(state)
    if targets:
        fire(thing, event)
        assert {thing.state} == targets
    else:
        with pytest.raises(IllegalTransition, match=f"the thing is {state}: {event} is not possible"):
            fire(thing, event)
        assert thing.state is state


def test_no_event_leads_to_two_states() -> None:
    for _, table in TABLES:
        pairs = [(row.source, row.event) for row in table]
        assert len(pairs) == len(set(pairs))


def test_firing_adds_nothing_to_the_thing() -> None:
    thing = Thing(OrderState.CREATED)
    fire(thing, "begin")
    assert Thing.__slots__ == ("state", "subject", "__weakref__")
    assert not hasattr(thing, "__dict__")


def test_nothing_leads_from_paid_to_unpaid() -> None:
    unpaid = {OrderState.CREATED, OrderState.PROCESSING, OrderState.BLOCKED, OrderState.REJECTED}
    for source in set(OrderState) - unpaid:
        assert not any(order_path(source, target) for target in unpaid)


def test_a_payment_is_never_rejected_on_its_way() -> None:
    for source, target in itertools.product(OrderState, OrderState):
        path = order_path(source, target)
        assert "correct" not in path[1:]


def test_no_field_of_an_event_hides_its_type() -> None:
    for name, kind in EVENT_TYPES.items():
        assert "name" not in {field.name for field in fields(kind)}
        assert name == kind.__name__
