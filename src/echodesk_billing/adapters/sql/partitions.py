"""Monthly partitions of append-only tables on PostgreSQL. See docs/adr/0056."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import text

from echodesk_billing.adapters.sql.session import Session

TABLES = ("order_steps", "journal")
"""Partitioned by their column `at`; the journal's are never dropped."""
MONTHS_AHEAD = 3
_BOUNDS = text(
    "SELECT part.relname AS name, part.reltuples::bigint AS rows, "
    "pg_get_expr(part.relpartbound, part.oid) AS bound FROM pg_inherits "
    "JOIN pg_class part ON part.oid = inhrelid WHERE inhparent = to_regclass(:parent) ORDER BY part.relname"
)
_OPEN = (
    "SELECT 1 FROM {name} AS step JOIN orders ON orders.id = step.order_id "
    "WHERE orders.state IN ('created', 'processing', 'blocked') OR orders.check_at IS NOT NULL "
    "OR orders.needs_attention LIMIT 1"
)


def month_after(moment: datetime, months: int = 1) -> datetime:
    """The first moment of a calendar month (UTC), counted from that of `moment`."""
    number = moment.astimezone(UTC).year * 12 + moment.astimezone(UTC).month - 1 + months
    return datetime(number // 12, number % 12 + 1, 1, tzinfo=UTC)


def make_months(session: Session, now: datetime) -> None:
    """Make the partitions of the months ahead. What belongs to none goes to a default partition."""
    for table in TABLES:
        bounds = (_upper(row.bound) for row in session.execute(_BOUNDS, {"parent": table}))
        ends = [end for end in bounds if end is not None]
        if not ends:
            continue  # it is not partitioned
        end = max(ends)
        while end < month_after(now, MONTHS_AHEAD):
            after = month_after(end)
            _attach(session, table, end, after)
            end = after


def drop_months(session: Session, table: str, before: datetime) -> int:
    """Drop the partitions that ended before a moment; returns about how many rows they had.

    One that has a step of an order that is not settled stays.
    """
    dropped = 0
    for row in session.execute(_BOUNDS, {"parent": table}).all():
        end = _upper(row.bound)
        if end is None or end > before or session.execute(text(_OPEN.format(name=row.name))).first() is not None:
            continue
        session.execute(text(f"DROP TABLE {row.name}"))
        dropped += max(row.rows, 1)
    return dropped


def _attach(session: Session, table: str, start: datetime, end: datetime) -> None:
    """Make a partition apart and attach it: others may write meanwhile. Rows of the default partition move there."""
    name, first, last = f"{table}_{start:%Y_%m}", f"'{start:%Y-%m-%d}+00'", f"'{end:%Y-%m-%d}+00'"
    session.execute(text(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    moved = f"DELETE FROM {table}_default WHERE at >= {first} AND at < {last} RETURNING *"  # noqa: S608 - our names
    session.execute(text(f"WITH moved AS ({moved}) INSERT INTO {name} SELECT * FROM moved"))  # noqa: S608 - the same
    session.execute(text(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})"))


def _upper(bound: str) -> datetime | None:
    """The end of a partition, from `FOR VALUES FROM (…) TO ('2027-01-01 00:00:00+00')`; None of the default one."""
    _, found, end = bound.partition(" TO ('")
    return datetime.fromisoformat(end.rstrip("')")).astimezone(UTC) if found else None
