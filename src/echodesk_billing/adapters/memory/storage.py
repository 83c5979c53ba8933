"""A storage that forgets everything when it goes. One process, one event loop."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from attrs import Factory, define, evolve, frozen

from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.registration import Registration, RegistrationState
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.ids import Ids
from echodesk_billing.ports.storage import Answer, InboxEntry, StoredToken, UnitOfWork

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")
_S = SubscriptionState


@frozen
class _Sent:
    event: Event
    delivered: bool = False
    retry_at: datetime | None = None


@define
class _Memory:
    """What is remembered."""

    orders: dict[str, Order] = Factory(dict)
    history: dict[str, list[Step]] = Factory(dict)
    subscriptions: dict[str, Subscription] = Factory(dict)
    cards: list[Card] = Factory(list)
    registrations: dict[str, Registration] = Factory(dict)
    entries: list[Entry] = Factory(list)
    serials: dict[str, int] = Factory(dict)
    invoices: list[Invoice] = Factory(list)
    catalogues: list[Catalogue] = Factory(list)
    inbox: list[InboxEntry] = Factory(list)
    outbox: list[_Sent] = Factory(list)
    relay: tuple[str, datetime] | None = None
    tokens: dict[str, StoredToken] = Factory(dict)
    answers: dict[tuple[str, str], Answer] = Factory(dict)

    def copy(self) -> _Memory:
        """A snapshot: entities are copied, values are shared because they never change."""
        return _Memory(
            orders={key: evolve(order, steps=list(order.steps)) for key, order in self.orders.items()},
            history={key: list(steps) for key, steps in self.history.items()},
            subscriptions={key: copy.copy(one) for key, one in self.subscriptions.items()},
            cards=[copy.copy(card) for card in self.cards],
            registrations={key: copy.copy(one) for key, one in self.registrations.items()},
            entries=list(self.entries),
            serials=dict(self.serials),
            invoices=list(self.invoices),
            catalogues=list(self.catalogues),
            inbox=list(self.inbox),
            outbox=list(self.outbox),
            relay=self.relay,
            tokens=dict(self.tokens),
            answers=dict(self.answers),
        )


class MemoryStorage:
    """Remembers in this process. A transaction works on a copy, which replaces the original when it succeeds."""

    def __init__(self, ids: Ids) -> None:
        self._memory = _Memory()
        self._ids = ids

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a copy; keep the copy when it returns."""
        draft = self._memory.copy()
        result = work(_UnitOfWork(draft, self._ids))
        self._memory = draft
        return result

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Run `work` on a copy and drop the copy."""
        return work(_UnitOfWork(self._memory.copy(), self._ids))

    async def migrate(self) -> list[str]:
        """Nothing to bring up to date."""
        return []

    async def problem(self) -> str | None:
        """None: memory is always there."""
        return None

    async def close(self) -> None:
        """Nothing to give back."""


class _UnitOfWork:
    def __init__(self, memory: _Memory, ids: Ids) -> None:
        self.orders = _Orders(memory)
        self.subscriptions = _Subscriptions(memory)
        self.cards = _Cards(memory)
        self.registrations = _Registrations(memory)
        self.books = _Books(memory)
        self.catalogues = _Catalogues(memory)
        self.inbox = _Inbox(memory)
        self.outbox = _Outbox(memory, ids)
        self.queue = _NoQueue()
        self.tokens = _Tokens(memory)
        self.answers = _Answers(memory)
        self.pruning = _Pruning(memory)


def _newest_first(orders: Sequence[Order]) -> list[Order]:
    return sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)


class _Orders:
    def __init__(self, memory: _Memory) -> None:
        self._orders = memory.orders
        self._history = memory.history

    def add(self, order: Order) -> None:
        order.version = 1
        self._keep(order)

    def save(self, order: Order) -> None:
        order.version += 1
        self._keep(order)

    def _keep(self, order: Order) -> None:
        self._history.setdefault(order.id, []).extend(order.steps)
        order.steps.clear()
        self._orders[order.id] = order

    def get(self, order_id: str, tenant_id: str | None) -> Order | None:
        found = self.lock(order_id, order_id)
        return found if found and tenant_id in (None, found.tenant_id) else None

    def by_key(self, idempotency_key: str) -> Order | None:
        return next((order for order in self._orders.values() if order.idempotency_key == idempotency_key), None)

    def lock(self, external_order_id: str | None, bank_order_id: str) -> Order | None:
        if external_order_id in self._orders:
            return self._orders[external_order_id]
        return next((order for order in self._orders.values() if order.bank_order_id == bank_order_id), None)

    def open_of(self, tenant_id: str) -> Sequence[Order]:
        return _newest_first(
            [order for order in self._orders.values() if order.tenant_id == tenant_id and order.is_open]
        )

    def open_renewal(self, tenant_id: str, period: int) -> Order | None:
        for order in self._orders.values():
            charge = (order.tenant_id, order.purpose, order.period) == (tenant_id, Purpose.RENEWAL, period)
            if charge and order.state is not OrderState.REJECTED:
                return order
        return None

    def due(self, now: datetime, limit: int) -> Sequence[Order]:
        waiting = [(order.check_at, order) for order in self._orders.values() if order.check_at is not None]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [order for _, order in due[:limit]]

    def listed(self, tenant_id: str | None, state: OrderState | None, limit: int) -> Sequence[Order]:
        chosen = [
            order
            for order in self._orders.values()
            if tenant_id in (None, order.tenant_id) and state in (None, order.state)
        ]
        return _newest_first(chosen)[:limit]

    def changed_between(self, start: datetime, end: datetime, after: str, limit: int) -> Sequence[Order]:
        chosen = [order for order in self._orders.values() if start <= order.updated_at < end and order.id > after]
        return sorted(chosen, key=lambda order: order.id)[:limit]

    def needing_attention(self, limit: int) -> Sequence[Order]:
        return _newest_first([order for order in self._orders.values() if order.attention])[:limit]

    def count_by_state(self) -> dict[str, int]:
        return dict(Counter(order.state.value for order in self._orders.values()))

    def history(self, order_id: str) -> Sequence[Step]:
        return self._history.get(order_id, [])


class _Subscriptions:
    def __init__(self, memory: _Memory) -> None:
        self._subscriptions = memory.subscriptions

    def get(self, tenant_id: str) -> Subscription | None:
        return self._subscriptions.get(tenant_id)

    def add(self, subscription: Subscription) -> None:
        self._subscriptions.setdefault(subscription.tenant_id, evolve(subscription, version=1))

    def lock(self, tenant_id: str) -> Subscription:
        return self._subscriptions[tenant_id]

    def save(self, subscription: Subscription) -> None:
        subscription.version += 1
        self._subscriptions[subscription.tenant_id] = subscription

    def due(self, now: datetime, limit: int) -> Sequence[Subscription]:
        waiting = [(one.due_at, one) for one in self._subscriptions.values() if one.due_at is not None]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [subscription for _, subscription in due[:limit]]

    def claim_due(self, now: datetime, until: datetime, limit: int) -> Sequence[str]:
        claimed = self.due(now, limit)
        for subscription in claimed:
            subscription.due_at = until
        return [subscription.tenant_id for subscription in claimed]

    def count_by_state(self) -> dict[str, int]:
        return dict(Counter(one.state.value for one in self._subscriptions.values()))

    def never_due(self, limit: int) -> Sequence[str]:
        live = {_S.TRIALING, _S.ACTIVE, _S.PAST_DUE, _S.CANCELLED}
        forgotten = (one for one in self._subscriptions.values() if one.due_at is None and one.state in live)
        return sorted(one.tenant_id for one in forgotten)[:limit]


class _Cards:
    def __init__(self, memory: _Memory) -> None:
        self._cards = memory.cards

    def add(self, card: Card) -> Card:
        for known in self._cards:
            if known.order_id == card.order_id:
                return known
        card.id, card.version = len(self._cards) + 1, 1
        self._cards.append(card)
        return card

    def of_order(self, order_id: str) -> Card | None:
        return next((card for card in self._cards if card.order_id == order_id), None)

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        named = (bank_order_id, tenant_id)
        return next((card for card in self._cards if (card.bank_order_id, card.tenant_id) == named), None)

    def last_removed_of(self, tenant_id: str) -> Card | None:
        removed = [(one.forgotten_at, one) for one in self._cards if one.tenant_id == tenant_id and one.forgotten_at]
        return max(removed, key=lambda pair: (pair[0], pair[1].id), default=(None, None))[1]

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        chosen = [card for card in self._cards if card.tenant_id == tenant_id and card.state is CardState.ACTIVE]
        return sorted(chosen, key=lambda card: (card.is_default, card.id), reverse=True)

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        return next((card for card in self._cards if (card.id, card.tenant_id) == (card_id, tenant_id)), None)

    def save(self, card: Card) -> None:
        card.version += 1
        self._cards[card.id - 1] = card

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        waiting = [(one.forget_at, one) for one in self._cards if one.state is CardState.FORGETTING and one.forget_at]
        due = sorted((pair for pair in waiting if pair[0] <= now), key=lambda pair: pair[0])
        return [card for _, card in due[:limit]]

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        usable = [card for card in self._cards if card.state is CardState.ACTIVE]
        return [card for card in usable if card.remind_at is not None and card.remind_at <= now][:limit]


class _Registrations:
    def __init__(self, memory: _Memory) -> None:
        self._registrations = memory.registrations

    def add(self, registration: Registration) -> None:
        self._registrations.setdefault(registration.order_id, evolve(registration, version=1))

    def get(self, order_id: str) -> Registration | None:
        return self._registrations.get(order_id)

    def lock(self, order_id: str) -> Registration | None:
        return self._registrations.get(order_id)

    def save(self, registration: Registration) -> None:
        registration.version += 1
        self._registrations[registration.order_id] = registration

    def lock_name(self, schema_name: str) -> None:
        """Transactions do not overlap here."""

    def of_name(self, schema_name: str) -> Sequence[Registration]:
        return [one for one in self._registrations.values() if one.applicant.schema_name == schema_name]

    def erase_payloads(self, before: datetime) -> int:
        old = [one for one in self._registrations.values() if one.sealed_payload and one.created_at < before]
        for one in old:
            one.sealed_payload = None
            one.version += 1
        return len(old)


class _Books:
    def __init__(self, memory: _Memory) -> None:
        self._memory = memory

    def post(self, entries: Sequence[Entry]) -> None:
        self._memory.entries.extend(entries)

    def of_order(self, order_id: str) -> Sequence[Entry]:
        return [entry for entry in self._memory.entries if entry.order_id == order_id]

    def of_tenant(self, tenant_id: str, limit: int) -> Sequence[Entry]:
        return [entry for entry in self._memory.entries if entry.tenant_id == tenant_id][:limit]

    def balance(self, account: str) -> dict[Currency, Money]:
        balances: dict[Currency, Money] = {}
        for entry in self._memory.entries:
            before = balances.get(entry.amount.currency, Money.zero(entry.amount.currency))
            if entry.debit == account:
                balances[entry.amount.currency] = before + entry.amount
            elif entry.credit == account:
                balances[entry.amount.currency] = before - entry.amount
        return balances

    def next_serial(self, series: str) -> int:
        self._memory.serials[series] = self._memory.serials.get(series, 0) + 1
        return self._memory.serials[series]

    def issue(self, invoice: Invoice) -> None:
        self._memory.invoices.append(evolve(invoice, id=len(self._memory.invoices) + 1))

    def invoice(self, invoice_id: int, tenant_id: str | None) -> Invoice | None:
        for invoice in self._memory.invoices:
            if invoice.id == invoice_id and tenant_id in (None, invoice.tenant_id):
                return invoice
        return None

    def invoices_of(self, tenant_id: str, limit: int) -> Sequence[Invoice]:
        return [invoice for invoice in reversed(self._memory.invoices) if invoice.tenant_id == tenant_id][:limit]


class _Catalogues:
    def __init__(self, memory: _Memory) -> None:
        self._catalogues = memory.catalogues

    def current(self) -> Catalogue:
        return self._catalogues[-1] if self._catalogues else Catalogue()

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:  # noqa: ARG002 - the port's signature
        self._catalogues.append(catalogue)


class _Inbox:
    def __init__(self, memory: _Memory) -> None:
        self._inbox = memory.inbox

    def record(self, entry: InboxEntry) -> bool:
        if any((known.digest, known.outcome) == (entry.digest, entry.outcome) for known in self._inbox):
            return False
        self._inbox.append(entry)
        return True

    def add(self, entry: InboxEntry) -> None:
        self.record(entry)

    def of_order(self, order_id: str) -> Sequence[InboxEntry]:
        return [entry for entry in self._inbox if entry.order_id == order_id]


class _Outbox:
    def __init__(self, memory: _Memory, ids: Ids) -> None:
        self._memory = memory
        self._ids = ids

    def add(self, events: Sequence[Event], by: str = "") -> Sequence[Event]:
        recorded = [event.recorded(self._ids.event_id(event.at), by) for event in events]
        self._memory.outbox.extend(_Sent(event) for event in recorded)
        return recorded

    def claim(self, owner: str, now: datetime, until: datetime, limit: int) -> Sequence[Event]:
        if self._memory.relay and self._memory.relay[0] != owner and self._memory.relay[1] > now:
            return []
        self._memory.relay = (owner, until)
        waiting = [sent for sent in self._memory.outbox if not sent.delivered]
        held = {sent.event.tenant_id for sent in waiting if sent.retry_at and sent.retry_at > now}
        return [sent.event for sent in waiting if sent.event.tenant_id not in held][:limit]

    def feed(self, tenant_id: str, after: str | None, limit: int) -> Sequence[Event]:
        mine = [sent.event for sent in self._memory.outbox if sent.event.tenant_id == tenant_id]
        start = next((number for number, event in enumerate(mine, 1) if event.id == after), 0)
        return mine[start : start + limit]

    def has_news(self, tenant_id: str, after: str | None) -> bool:
        return bool(self.feed(tenant_id, after, 1))

    def latest(self, tenant_id: str | None, limit: int) -> Sequence[Event]:
        events = [sent.event for sent in self._memory.outbox if tenant_id in (None, sent.event.tenant_id)]
        return sorted(events, key=lambda event: event.id)[-limit:]

    def of_order(self, tenant_id: str, order_id: str) -> Sequence[Event]:
        mine = [sent.event for sent in self._memory.outbox if sent.event.tenant_id == tenant_id]
        return [event for event in mine if getattr(event, "order_id", None) == order_id]

    def settle(self, delivered: Sequence[str], failed: dict[str, datetime], now: datetime) -> None:  # noqa: ARG002
        self._memory.relay = None
        done = set(delivered)
        self._memory.outbox[:] = [
            evolve(sent, delivered=sent.event.id in done, retry_at=failed.get(sent.event.id, sent.retry_at))
            if sent.event.id in done or sent.event.id in failed
            else sent
            for sent in self._memory.outbox
        ]


class _NoQueue:
    def put(self, task: str, tenants: Sequence[str]) -> None:
        """Whoever waits for jobs here waits for ever: memory is worked on directly."""


class _Tokens:
    def __init__(self, memory: _Memory) -> None:
        self._tokens = memory.tokens

    def add(self, token: StoredToken) -> None:
        self._tokens[token.digest] = token

    def by_digest(self, digest: str) -> StoredToken | None:
        return self._tokens.get(digest)

    def listed(self, tenant_id: str | None) -> Sequence[StoredToken]:
        chosen = [token for token in self._tokens.values() if tenant_id in (None, token.principal.tenant_id)]
        return sorted(chosen, key=lambda token: token.created_at, reverse=True)

    def end(self, digest: str, at: datetime) -> None:
        if digest in self._tokens:
            self._tokens[digest] = evolve(self._tokens[digest], revoked_at=at)

    def revoke(self, prefix: str, at: datetime, by: str) -> int:
        chosen = [token for token in self._tokens.values() if token.prefix == prefix and token.revoked_at is None]
        for token in chosen:
            self._tokens[token.digest] = evolve(token, revoked_at=at, revoked_by=by)
        return len(chosen)


class _Answers:
    def __init__(self, memory: _Memory) -> None:
        self._answers = memory.answers

    def claim(self, answer: Answer, forget_before: datetime, stale_before: datetime) -> tuple[Answer, bool]:
        known = self._answers.get((answer.owner, answer.key))
        if known is None or known.created_at < forget_before:
            self._answers[answer.owner, answer.key] = answer
            return answer, True
        is_abandoned = known.claimed_at is None or known.claimed_at < stale_before
        if known.status == 0 and is_abandoned and known.request_digest == answer.request_digest:
            known = evolve(known, claimed_at=answer.claimed_at)
            self._answers[answer.owner, answer.key] = known
            return known, True
        return known, False

    def reopen(self, owner: str, key: str) -> None:
        self._answers[owner, key] = evolve(self._answers[owner, key], claimed_at=None)

    def finish(self, answer: Answer) -> None:
        self._answers[answer.owner, answer.key] = answer

    def release(self, owner: str, key: str) -> None:
        self._answers.pop((owner, key), None)


class _Pruning:
    def __init__(self, memory: _Memory) -> None:
        self._memory = memory

    def answers(self, before: datetime, limit: int) -> int:
        return _drop(
            self._memory.answers, [k for k, one in self._memory.answers.items() if one.created_at < before][:limit]
        )

    def refused_callbacks(self, before: datetime, limit: int) -> int:
        old = [one for one in self._memory.inbox if one.outcome != "applied" and one.at < before][:limit]
        self._memory.inbox[:] = [one for one in self._memory.inbox if one not in old]
        return len(old)

    def tokens(self, before: datetime, limit: int) -> int:
        ended = (
            digest
            for digest, one in self._memory.tokens.items()
            if any(at is not None and at < before for at in (one.expires_at, one.revoked_at))
        )
        return _drop(self._memory.tokens, list(ended)[:limit])

    def unpaid_registrations(self, before: datetime, after: datetime, limit: int) -> Sequence[Registration]:
        old = [
            one
            for one in self._memory.registrations.values()
            if one.state is RegistrationState.PENDING
            and after < one.expires_at < before
            and self._is_dead(one.order_id)
        ]
        return sorted(old, key=lambda one: one.expires_at)[:limit]

    def registration(self, order_id: str) -> bool:
        if not self._is_dead(order_id):
            return False
        del self._memory.registrations[order_id], self._memory.orders[order_id]
        self._memory.history.pop(order_id, None)
        self._memory.inbox[:] = [one for one in self._memory.inbox if one.order_id != order_id]
        self._memory.outbox[:] = [
            one for one in self._memory.outbox if getattr(one.event, "order_id", None) != order_id
        ]
        return True

    def _is_dead(self, order_id: str) -> bool:
        order = self._memory.orders.get(order_id)
        return order is not None and order.state is OrderState.REJECTED and order.check_at is None


def _drop(kept: dict[K, V], keys: list[K]) -> int:
    for key in keys:
        del kept[key]
    return len(keys)
