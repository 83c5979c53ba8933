"""Mails: their kinds, and the states of one mail to one address.

Source: docs/mails.md.
"""

from __future__ import annotations

import enum
from datetime import datetime, timedelta

from attrs import define, field

SENDING_WITHIN = timedelta(minutes=15)
"""How long a send may take; after it, nobody knows whether the mail was sent."""
MOST_DOUBTS = 3
"""How often a mail is sent at most while nobody knows whether it arrived."""
RETRIES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440))
"""How long after each temporary refusal a mail is sent again."""
SERVER_AWAY = timedelta(minutes=1)
"""How long a mail waits while the server cannot be reached; that is no attempt."""


class MailKind(enum.StrEnum):
    """The kinds of mails."""

    RECEIPT = "receipt"
    UPCOMING_RENEWAL = "upcoming_renewal"
    PAYMENT_DUE = "payment_due"
    PAYMENT_FAILED = "payment_failed"
    ACTION_REQUIRED = "action_required"
    CARD_EXPIRING = "card_expiring"
    TRIAL_ENDING = "trial_ending"
    PAST_DUE = "past_due"
    SUSPENSION_SOON = "suspension_soon"
    SUSPENDED = "suspended"
    BACK_AGAIN = "back_again"
    PLAN_CHANGED = "plan_changed"
    CHANGE_SCHEDULED = "change_scheduled"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"
    REGISTRATION_PAID = "registration_paid"
    BILLING_STALLED = "billing_stalled"
    BILLING_RECOVERED = "billing_recovered"
    WEBHOOK_DISABLED = "webhook_disabled"

    @property
    def is_for_operators(self) -> bool:
        """Whether it goes to the operator, not to a customer."""
        return self in _OPERATORS

    @property
    def is_optional(self) -> bool:
        """Whether a customer can unsubscribe: it is a reminder, not part of a transaction."""
        return self in _OPTIONAL


_K = MailKind
_OPERATORS = frozenset({_K.BILLING_STALLED, _K.BILLING_RECOVERED, _K.WEBHOOK_DISABLED})
_OPTIONAL = frozenset({_K.UPCOMING_RENEWAL, _K.CARD_EXPIRING, _K.TRIAL_ENDING})


class MailState(enum.StrEnum):
    """The states of a mail."""

    WAITING = "waiting"
    SENDING = "sending"
    SENT = "sent"
    REFUSED = "refused"
    GIVEN_UP = "given up"


@define(kw_only=True)
class Mail:
    """One mail to one address.

    Args:
        id: of the event, the kind and the address together: there is one mail for each.
        tenant_id: whom it concerns; empty for operators.
        language: `ka`, `en` or `ru`.
        facts: what the template says: texts, amounts such as `10.00 GEL`, and moments in ISO 8601.
        attempts: how often it was refused for the moment.
        doubts: how often nobody knows whether it was sent.
        due_at: when it is sent next, or when a send that did not end becomes doubtful; None at its end.
        problem: the server's last refusal.
    """

    id: str
    tenant_id: str
    event_id: str
    kind: MailKind
    address: str
    language: str
    facts: dict[str, str] = field(factory=dict)
    state: MailState = MailState.WAITING
    attempts: int = 0
    doubts: int = 0
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None = None
    problem: str = ""

    def begin(self, now: datetime) -> bool:
        """Note that it is about to be sent; False where it may have been sent too often already.

        A mail that is still being sent after `SENDING_WITHIN` is in doubt: it is sent again with the same
        Message-ID, which lets mail programs recognise it, but not for ever.
        """
        if self.state is MailState.SENDING and not self._doubt(now):
            return False
        self.state, self.due_at = MailState.SENDING, now + SENDING_WITHIN
        return True

    def sent(self, now: datetime) -> None:
        """The server has taken it."""
        self.state, self.sent_at, self.due_at, self.problem = MailState.SENT, now, None, ""

    def refused(self, problem: str) -> None:
        """The server will never take it."""
        self.state, self.due_at, self.problem = MailState.REFUSED, None, problem

    def postponed(self, problem: str, now: datetime) -> None:
        """The server does not take it now."""
        self.state, self.problem = MailState.WAITING, problem
        if self.attempts >= len(RETRIES):
            self.state, self.due_at = MailState.GIVEN_UP, None
            return
        self.due_at = now + RETRIES[self.attempts]
        self.attempts += 1

    def not_sent(self, problem: str, now: datetime) -> None:
        """The server cannot be reached: it waits for as long as that lasts."""
        self.state, self.problem, self.due_at = MailState.WAITING, problem, now + SERVER_AWAY

    def in_doubt(self, problem: str, now: datetime) -> None:
        """The connection broke before the server's answer: it may have been sent."""
        self.problem, self.due_at = problem, now + SENDING_WITHIN

    def _doubt(self, now: datetime) -> bool:
        self.doubts += 1
        if self.doubts < MOST_DOUBTS:
            return True
        self.state, self.due_at = MailState.GIVEN_UP, None
        self.problem = self.problem or f"not known to be sent at {now:%Y-%m-%d %H:%M} UTC, after {self.doubts} attempts"
        return False


def mail_id(event_id: str, kind: MailKind, number: int) -> str:
    """The id of the mail of an event to the customer's address `number`: the same whoever makes it."""
    return f"{event_id}.{kind}.{number}"
