"""The tables of transitions: every state and every event."""

import enum
import itertools

import pytest
from attrs import define, fields

from echodesk_billing import IllegalTransition
from echodesk_billing.domain.events import EVENT_TYPES
from echodesk_billing.domain.orders.lifecycle import ORDER_TRANSITIONS, OrderState, order_path
from echodesk_billing.domain.state_machine import Transition, fire_event, machine, mermaid, paths
from echodesk_billing.domain.subscriptions.lifecycle import SUBSCRIPTION_TRANSITIONS, SubscriptionState

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


def fire(thing: Thing, event: str) -> None:
    fire_event(machine(type(thing.state), dict(TABLES)[type(thing.state)]), thing, event)


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


def test_firing_an_event_adds_no_attributes_to_the_entity() -> None:
    thing = Thing(OrderState.CREATED)
    fire(thing, "begin")
    assert Thing.__slots__ == ("state", "subject", "__weakref__")
    assert not hasattr(thing, "__dict__")


def test_no_transition_leads_from_paid_to_unpaid() -> None:
    unpaid = {OrderState.CREATED, OrderState.PROCESSING, OrderState.BLOCKED, OrderState.REJECTED}
    for source in set(OrderState) - unpaid:
        assert not any(order_path(source, target) for target in unpaid)


def test_a_payment_is_never_rejected_on_its_way() -> None:
    for source, target in itertools.product(OrderState, OrderState):
        path = order_path(source, target)
        assert "correct" not in path[1:]


@pytest.mark.parametrize(("states", "table"), TABLES)
def test_a_machine_has_the_rows_of_its_table_and_no_entity(
    states: type[enum.StrEnum], table: tuple[Transition, ...]
) -> None:
    made = machine(states, table)
    rows = [
        (name, way.source, way.dest)
        for name, event in made.events.items()
        for ways in event.transitions.values()
        for way in ways
    ]
    assert sorted(rows) == sorted((row.event, row.source.name, row.target.name) for row in table)
    assert (list(made.states), made.models, made.initial) == ([state.name for state in states], [], None)


S = SubscriptionState
ROUNDABOUT = (
    Transition("long", S.INCOMPLETE, S.TRIALING),
    Transition("way", S.TRIALING, S.ACTIVE),
    Transition("first", S.INCOMPLETE, S.ACTIVE),
    Transition("second", S.INCOMPLETE, S.ACTIVE),
    Transition("correct", S.ACTIVE, S.PAST_DUE),
    Transition("on", S.PAST_DUE, S.ENDED),
    Transition("back", S.ACTIVE, S.INCOMPLETE),
)


def test_the_path_between_two_states_is_the_shortest_without_a_correction() -> None:
    assert paths(ROUNDABOUT) == {
        (S.INCOMPLETE, S.TRIALING): ("long",),
        (S.INCOMPLETE, S.ACTIVE): ("first",),
        (S.INCOMPLETE, S.INCOMPLETE): ("first", "back"),
        (S.TRIALING, S.ACTIVE): ("way",),
        (S.TRIALING, S.INCOMPLETE): ("way", "back"),
        (S.TRIALING, S.TRIALING): ("way", "back", "long"),
        (S.ACTIVE, S.PAST_DUE): ("correct",),
        (S.ACTIVE, S.ENDED): ("correct", "on"),
        (S.ACTIVE, S.INCOMPLETE): ("back",),
        (S.ACTIVE, S.TRIALING): ("back", "long"),
        (S.ACTIVE, S.ACTIVE): ("back", "first"),
        (S.PAST_DUE, S.ENDED): ("on",),
    }


def test_a_table_is_drawn_row_by_row_from_its_first_state() -> None:
    assert mermaid(ROUNDABOUT[:2]).splitlines() == [
        "stateDiagram-v2",
        "    [*] --> incomplete",
        "    incomplete --> trialing: long",
        "    trialing --> active: way",
    ]


def test_no_field_of_an_event_hides_its_type() -> None:
    for name, kind in EVENT_TYPES.items():
        assert "name" not in {field.name for field in fields(kind)}
        assert name == kind.__name__
