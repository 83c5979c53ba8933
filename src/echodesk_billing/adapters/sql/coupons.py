"""Coupons, and which customers used them: tables, mapping and queries."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, Row, Select, String, Table, Text, delete, func, or_, select, update

from echodesk_billing.adapters.sql.schema import UtcDateTime, Values, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind, CouponUse

coupons = Table(
    "coupons",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("value", Integer, nullable=False),
    Column("periods", Integer),
    Column("valid_from", UtcDateTime, nullable=False),
    Column("valid_until", UtcDateTime),
    Column("max_uses", Integer),
    Column("packages", Text, nullable=False),
    Column("disabled_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

coupon_uses = Table(
    "coupon_uses",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("tenant_id", String(63), primary_key=True),
    Column("order_id", String(25), nullable=False),
    Column("reserved_until", UtcDateTime, nullable=False),
    Column("used_at", UtcDateTime),
)


def _values(coupon: Coupon) -> Values:
    return {
        "code": coupon.code,
        "kind": coupon.kind.value,
        "value": coupon.value,
        "periods": coupon.periods,
        "valid_from": coupon.valid_from,
        "valid_until": coupon.valid_until,
        "max_uses": coupon.max_uses,
        "packages": document(coupon.packages),
        "disabled_at": coupon.disabled_at,
        "created_at": coupon.created_at,
        "created_by": coupon.by,
        "reason": coupon.reason,
    }


def _coupon(row: Row[Any], uses: int = 0) -> Coupon:
    return Coupon(
        code=row.code,
        kind=CouponKind(row.kind),
        value=row.value,
        periods=row.periods,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        max_uses=row.max_uses,
        packages=value(row.packages, tuple[int, ...]),
        disabled_at=row.disabled_at,
        created_at=row.created_at,
        by=row.created_by,
        reason=row.reason,
        uses=uses,
    )


def _use(row: Row[Any]) -> CouponUse:
    return CouponUse(
        code=row.code,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        reserved_until=row.reserved_until,
        used_at=row.used_at,
    )


class SqlCoupons:
    """Coupons, and which customers used them."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, coupon: Coupon) -> bool:
        """Insert, unless the code exists."""
        return self._session.insert_new(coupons, _values(coupon))

    def get(self, code: str) -> Coupon | None:
        """By primary key."""
        return self._one(select(coupons).where(coupons.c.code == code))

    def lock(self, code: str) -> Coupon | None:
        """By primary key; the row is locked."""
        return self._one(select(coupons).where(coupons.c.code == code).with_for_update())

    def disable(self, code: str, at: datetime) -> None:
        """By primary key."""
        self._session.execute(update(coupons).where(coupons.c.code == code).values(disabled_at=at))

    def listed(self, after: str, limit: int) -> Sequence[Coupon]:
        """By primary keys."""
        query = select(coupons).where(coupons.c.code > after).order_by(coupons.c.code).limit(limit)
        found = list(self._session.execute(query))
        table = coupon_uses
        counted = (
            select(table.c.code, func.count().label("uses"))
            .where(table.c.code.in_([row.code for row in found]), table.c.used_at.is_not(None))
            .group_by(table.c.code)
        )
        uses = {row.code: row.uses for row in self._session.execute(counted)}
        return [_coupon(row, uses.get(row.code, 0)) for row in found]

    def uses(self, code: str, but: str, now: datetime) -> int:
        """By primary key."""
        table = coupon_uses
        counts = or_(table.c.used_at.is_not(None), table.c.reserved_until > now)
        query = select(func.count()).where(table.c.code == code, table.c.tenant_id != but, counts)
        return int(self._session.execute(query).scalar() or 0)

    def use_of(self, code: str, tenant_id: str) -> CouponUse | None:
        """By primary key."""
        table = coupon_uses
        row = self._session.execute(select(table).where(table.c.code == code, table.c.tenant_id == tenant_id)).first()
        return None if row is None else _use(row)

    def keep(self, use: CouponUse, now: datetime) -> None:
        """By primary key."""
        table = coupon_uses
        mine = (table.c.code == use.code, table.c.tenant_id == use.tenant_id)
        values = {"order_id": use.order_id, "reserved_until": use.reserved_until, "used_at": use.used_at}
        is_over = (table.c.code == use.code, table.c.used_at.is_(None), table.c.reserved_until <= now)
        self._session.execute(delete(table).where(*is_over))
        if not self._session.insert_new(table, {"code": use.code, "tenant_id": use.tenant_id, **values}):
            self._session.execute(update(table).where(*mine).values(**values))

    def drop(self, use: CouponUse) -> None:
        """By primary key."""
        table = coupon_uses
        self._session.execute(delete(table).where(table.c.code == use.code, table.c.tenant_id == use.tenant_id))

    def _one(self, query: Select[Any]) -> Coupon | None:
        row = self._session.execute(query).first()
        return None if row is None else _coupon(row)
