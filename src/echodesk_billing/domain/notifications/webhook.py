"""Webhook endpoints, their deliveries, and when a delivery is tried again.

Deliveries of a tenant to an endpoint go out in the order of its events: a lane. Source: docs/webhooks.md.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from datetime import datetime, timedelta

from attrs import define, evolve, field, frozen

from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import EVENT_TYPES, Event, SubscriptionImported, WebhookEndpointDisabled

RETRIES = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""How long before each attempt a delivery waits, as Standard Webhooks recommends."""
SECRET_OVERLAP = timedelta(hours=24)
"""How long an old secret signs beside the new one after a rotation."""
MOST_SECRETS = 3
FEWEST_FAILURES = len(RETRIES)
MOST_PER_TENANT = 10
LONGEST_URL = 500
LONGEST_ANSWER = 500
TEST = "webhook.test"
"""The type of the message that `webhooks test` sends."""


@frozen(kw_only=True)
class Secret:
    """One signing secret.

    Args:
        sealed: encrypted.
        expires_at: when it stops signing; None for the current one.
    """

    sealed: str
    expires_at: datetime | None = None


@define(kw_only=True)
class Endpoint:
    """Where events are sent.

    Args:
        tenant_id: whose events; empty for those of all tenants.
        event_types: which; empty for all.
        secrets: newest first.
        by: who last changed it.
        reason: why.
        failing_since: the first failure since the last success.
        failures: how many there were since then.
        disabled_at: since when nothing is sent.
        version: incremented with every stored change.
    """

    id: str
    tenant_id: str
    url: str
    event_types: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    created_at: datetime
    by: str = ""
    reason: str = ""
    failing_since: datetime | None = None
    failures: int = 0
    disabled_at: datetime | None = None
    version: int = 0

    def wants(self, event: Event) -> bool:
        """Whether an event is sent there; those of an import never are."""
        if isinstance(event, SubscriptionImported) or self.disabled_at is not None:
            return False
        return self.tenant_id in ("", event.tenant_id) and (not self.event_types or event.name in self.event_types)

    def signing(self, now: datetime) -> tuple[str, ...]:
        """The sealed secrets that sign now, newest first."""
        return tuple(one.sealed for one in self.secrets if one.expires_at is None or now < one.expires_at)

    def rotate(self, sealed: str, now: datetime) -> None:
        """Sign with a new secret; the old ones sign beside it for `SECRET_OVERLAP`."""
        kept = [one for one in self.secrets if one.expires_at is None or now < one.expires_at]
        old = [evolve(one, expires_at=one.expires_at or now + SECRET_OVERLAP) for one in kept]
        self.secrets = (Secret(sealed=sealed), *old)[:MOST_SECRETS]

    def succeeded(self) -> bool:
        """Note a success; returns whether that changes anything."""
        was_failing, self.failing_since, self.failures = self.failing_since is not None, None, 0
        return was_failing

    def failed(self, problem: str, now: datetime, limit: timedelta) -> list[Event]:
        """Note a failure; where they have lasted for `limit`, the endpoint is disabled.

        It takes `FEWEST_FAILURES` too: where no worker ran for days, two failures say little.
        """
        self.failing_since, self.failures = self.failing_since or now, self.failures + 1
        is_tolerable = now - self.failing_since < limit or self.failures < FEWEST_FAILURES
        if is_tolerable or self.disabled_at is not None:
            return []
        self.disabled_at = now
        return [
            WebhookEndpointDisabled(
                tenant_id=self.tenant_id,
                at=now,
                endpoint_id=self.id,
                url=self.url,
                failing_since=self.failing_since,
                problem=problem,
            )
        ]

    def disable(self, now: datetime) -> None:
        """Send nothing there until it is enabled."""
        self.disabled_at = self.disabled_at or now

    def enable(self) -> None:
        """Send again: first what was waiting."""
        self.disabled_at, self.failing_since, self.failures = None, None, 0


class DeliveryState(enum.StrEnum):
    """The states of a delivery."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@frozen(kw_only=True)
class Try:
    """One attempt to deliver.

    Args:
        status: of the answer; None where there was none.
        answer: the beginning of its body, at most `LONGEST_ANSWER` characters.
        problem: why it failed; empty where it did not.
        milliseconds: how long it took.
    """

    at: datetime
    status: int | None = None
    answer: str = ""
    problem: str = ""
    milliseconds: int = 0


@define(kw_only=True)
class Delivery:
    """One message to one endpoint.

    Args:
        number: its place in the order of deliveries; 0 until it is stored.
        lane: the tenant in whose order it goes out.
        message_id: `webhook-id`: of the event, so that a receiver sees each once.
        body: as it is signed and sent.
        tries: attempts, oldest first.
    """

    number: int = 0
    endpoint_id: str
    lane: str
    message_id: str
    type: str
    body: str
    state: DeliveryState = DeliveryState.WAITING
    tries: tuple[Try, ...] = field(default=())
    created_at: datetime
    ended_at: datetime | None = None

    def tried(self, one: Try) -> datetime | None:
        """Note an attempt; returns when the next one is due, None where there is none."""
        self.tries = (*self.tries, one)
        if not one.problem:
            self.state, self.ended_at = DeliveryState.DELIVERED, one.at
            return None
        if len(self.tries) >= len(RETRIES):
            self.state, self.ended_at = DeliveryState.FAILED, one.at
            return None
        return one.at + RETRIES[len(self.tries)]


def checked_types(names: Sequence[str]) -> tuple[str, ...]:
    """Names of event types, each once.

    Raises:
        InvalidSelection: there is no such type.
    """
    for name in names:
        if name not in EVENT_TYPES:
            raise InvalidSelection(
                "event_types", f"There is no event {name[:64]!r}: see the list of events in the docs"
            )
    return tuple(sorted(set(names)))
