"""The states of a subscription and its transition table."""

from __future__ import annotations

import enum

from echodesk_billing.domain.state_machine import Stateful, Transition, fire_event, machine


class SubscriptionState(enum.StrEnum):
    """The state of a subscription."""

    INCOMPLETE = "incomplete"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    ENDED = "ended"


_S = SubscriptionState
SUBSCRIPTION_TRANSITIONS = (
    Transition("start_trial", _S.INCOMPLETE, _S.TRIALING),
    Transition("activate", _S.INCOMPLETE, _S.ACTIVE),
    Transition("activate", _S.TRIALING, _S.ACTIVE),
    Transition("activate", _S.ENDED, _S.ACTIVE),
    Transition("fall_due", _S.ACTIVE, _S.PAST_DUE),
    Transition("recover", _S.PAST_DUE, _S.ACTIVE),
    Transition("recover", _S.SUSPENDED, _S.ACTIVE),
    Transition("suspend", _S.ACTIVE, _S.SUSPENDED),
    Transition("suspend", _S.PAST_DUE, _S.SUSPENDED),
    Transition("suspend", _S.TRIALING, _S.SUSPENDED),
    Transition("pause", _S.ACTIVE, _S.PAUSED),
    Transition("recover", _S.PAUSED, _S.ACTIVE),
    Transition("cancel", _S.PAUSED, _S.CANCELLED),
    Transition("cancel", _S.TRIALING, _S.CANCELLED),
    Transition("cancel", _S.ACTIVE, _S.CANCELLED),
    Transition("cancel", _S.PAST_DUE, _S.CANCELLED),
    Transition("cancel", _S.SUSPENDED, _S.CANCELLED),
    Transition("resume", _S.CANCELLED, _S.ACTIVE),
    Transition("resume_trial", _S.CANCELLED, _S.TRIALING),
    Transition("end", _S.CANCELLED, _S.ENDED),
)


_MACHINE = machine(SubscriptionState, SUBSCRIPTION_TRANSITIONS)


def fire(subscription: Stateful, event: str) -> None:
    """Apply `event` to a subscription.

    Raises:
        IllegalTransition: the table does not allow it in this state; nothing was changed.
    """
    fire_event(_MACHINE, subscription, event)
