"""Saved cards: table, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    Row,
    Select,
    String,
    Table,
    bindparam,
    false,
    func,
    select,
    text,
)

from echodesk_billing.adapters.sql.schema import Serial, UtcDateTime, Values, metadata
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Statement
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.payment_request import SaveCard

cards = Table(
    "cards",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("tenant_id", String(63), nullable=False, index=True),
    Column("order_id", String(25), nullable=False, unique=True),
    Column("bank_order_id", String(64), nullable=False),
    Column("kind", String(10), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("mandate_minor", BigInteger, nullable=False),
    Column("masked_number", String(32), nullable=False),
    Column("brand", String(16), nullable=False),
    Column("expiry", String(8), nullable=False),
    Column("saved_at", UtcDateTime, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("state", String(16), nullable=False),
    Column("remind_at", UtcDateTime),
    Column("chosen_at", UtcDateTime),
    Column("forgotten_at", UtcDateTime),
    Column("removed_as_default", Boolean, nullable=False, server_default=false()),
    Column("forget_at", UtcDateTime),
    Column("version", Integer, nullable=False, server_default="1"),
)

Index("ix_cards_parent", cards.c.bank_order_id)

_REMIND = text("remind_at IS NOT NULL AND state = 'active'")

Index("ix_cards_remind", cards.c.remind_at, postgresql_where=_REMIND, sqlite_where=_REMIND)

_FORGETTING = text("state = 'forgetting'")

Index("ix_cards_forgetting", cards.c.forget_at, postgresql_where=_FORGETTING, sqlite_where=_FORGETTING)


def card_values(card: Card) -> Values:
    """The columns of a saved card; the database assigns the id of a new one."""
    values = {
        "tenant_id": card.tenant_id,
        "order_id": card.order_id,
        "bank_order_id": card.bank_order_id,
        "kind": card.kind.value,
        "currency": card.mandate.currency.value,
        "mandate_minor": card.mandate.minor,
        "masked_number": card.masked_number,
        "brand": card.brand,
        "expiry": card.expiry,
        "saved_at": card.saved_at,
        "is_default": card.is_default,
        "state": card.state.value,
        "remind_at": card.remind_at,
        "chosen_at": card.chosen_at,
        "forgotten_at": card.forgotten_at,
        "removed_as_default": card.removed_as_default,
        "forget_at": card.forget_at,
        "version": card.version,
    }
    return {"id": card.id, **values} if card.id else values


def to_card(row: Row[Any]) -> Card:
    """A saved card from its row."""
    return Card(
        id=row.id,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        bank_order_id=row.bank_order_id,
        kind=SaveCard(row.kind),
        mandate=Money.from_minor(row.mandate_minor, Currency(row.currency)),
        masked_number=row.masked_number,
        brand=row.brand,
        expiry=row.expiry,
        saved_at=row.saved_at,
        is_default=row.is_default,
        state=CardState(row.state),
        remind_at=row.remind_at,
        chosen_at=row.chosen_at,
        forgotten_at=row.forgotten_at,
        removed_as_default=row.removed_as_default,
        forget_at=row.forget_at,
        version=row.version,
    )


_ACTIVE_CARDS = Statement(
    select(cards)
    .where(cards.c.tenant_id == bindparam("of_tenant"), cards.c.state == CardState.ACTIVE.value)
    .order_by(cards.c.is_default.desc(), cards.c.id.desc())
)


_IDS = func.pg_get_serial_sequence("cards", "id")


_NEXT_ID = select(func.setval(_IDS, func.greatest(select(func.max(cards.c.id)).scalar_subquery(), func.nextval(_IDS))))
"""Further ids come after those that were given."""


class SqlCards:
    """Saved cards."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, card: Card) -> Card:
        """Insert, unless the order already saved one; read back by the unique index on order_id.

        Where its id is taken, it gets another.
        """
        new = evolve(card, version=1)
        is_new = self._session.insert_new(cards, card_values(new))
        if card.id and not is_new:
            self._session.insert_new(cards, card_values(evolve(new, id=0)))
        elif card.id and self._session.is_postgres:
            self._session.execute(_NEXT_ID)
        stored = self.of_order(card.order_id)
        if stored is None:
            raise AssertionError(f"the card of order {card.order_id} was inserted and is gone")
        return stored

    def of_order(self, order_id: str) -> Card | None:
        """By the unique index on order_id."""
        return self._one(select(cards).where(cards.c.order_id == order_id))

    def of_parent(self, bank_order_id: str, tenant_id: str) -> Card | None:
        """By ix_cards_parent."""
        return self._one(select(cards).where(cards.c.bank_order_id == bank_order_id, cards.c.tenant_id == tenant_id))

    def last_removed_of(self, tenant_id: str) -> Card | None:
        """By the index on tenant_id."""
        query = select(cards).where(cards.c.tenant_id == tenant_id, cards.c.forgotten_at.is_not(None))
        return self._one(query.order_by(cards.c.forgotten_at.desc(), cards.c.id.desc()).limit(1))

    def _one(self, query: Select[Any]) -> Card | None:
        row = self._session.execute(query).first()
        return None if row is None else to_card(row)

    def active_of(self, tenant_id: str) -> Sequence[Card]:
        """By the index on tenant_id."""
        return [to_card(row) for row in self._session.all(_ACTIVE_CARDS, of_tenant=tenant_id)]

    def listed(self, tenant_id: str | None, before: int, limit: int) -> Sequence[Card]:
        """By primary key, or by the index on tenant_id."""
        query = select(cards)
        if before:
            query = query.where(cards.c.id < before)
        if tenant_id is not None:
            query = query.where(cards.c.tenant_id == tenant_id)
        return [to_card(row) for row in self._session.execute(query.order_by(cards.c.id.desc()).limit(limit))]

    def lock(self, card_id: int, tenant_id: str) -> Card | None:
        """By primary key, filtered by tenant; the row is locked."""
        query = select(cards).where(cards.c.id == card_id, cards.c.tenant_id == tenant_id).with_for_update()
        return self._one(query)

    def save(self, card: Card) -> None:
        """Update by primary key; its version must be unchanged since it was loaded."""
        card.version += 1
        self._session.update(cards, card_values(card))

    def forgetting(self, now: datetime, limit: int) -> Sequence[Card]:
        """By the partial index ix_cards_forgetting."""
        query = (
            select(cards)
            .where(cards.c.state == CardState.FORGETTING.value, cards.c.forget_at <= now)
            .order_by(cards.c.forget_at)
            .limit(limit)
        )
        return [to_card(row) for row in self._session.execute(query)]

    def to_remind(self, now: datetime, limit: int) -> Sequence[Card]:
        """By the partial index ix_cards_remind; the rows are locked."""
        query = (
            select(cards)
            .where(cards.c.state == CardState.ACTIVE.value, cards.c.remind_at <= now)
            .order_by(cards.c.remind_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [to_card(row) for row in self._session.execute(query)]
