"""Customers with a billing profile, and periods of more than one month.

Customers of before are known by the name of their subscription, if it was ever paid or tried.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PROFILE = json.dumps(
    {"legal_name": "", "identification_code": "", "is_vat_payer": False, "address": "", "emails": [], "language": "ka"}
)
_BATCH = 500


def upgrade() -> None:
    op.create_table(
        "customers",
        sa.Column("tenant_id", sa.String(63), nullable=False),
        sa.Column("subdomain", sa.String(63), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_customers")),
    )
    named = sa.text("subdomain <> ''")
    op.create_index(
        "uq_customers_subdomain", "customers", ["subdomain"], unique=True, postgresql_where=named, sqlite_where=named
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.add_column(sa.Column("spans", sa.Text(), server_default="[]", nullable=False))
    _take_over_names()


def downgrade() -> None:
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_column("spans")
    op.drop_table("customers")


def _take_over_names() -> None:
    moment = sa.DateTime(timezone=True)
    had = sa.table("subscriptions", *map(sa.column, ("tenant_id", "tenant_name", "state")), sa.column("anchor", moment))
    made = sa.table(
        "customers",
        *map(sa.column, ("tenant_id", "subdomain", "name", "profile", "version")),
        sa.column("created_at", moment),
    )
    connection, last = op.get_bind(), ""
    while rows := connection.execute(
        sa.select(had).where(had.c.tenant_id > last, had.c.anchor.is_not(None)).order_by(had.c.tenant_id).limit(_BATCH)
    ).all():
        last = rows[-1].tenant_id
        for row in rows:
            values = {
                "tenant_id": row.tenant_id,
                "subdomain": "",
                "name": row.tenant_name or row.tenant_id,
                "profile": _PROFILE,
                "created_at": row.anchor,
                "version": 1,
            }
            connection.execute(made.insert().values(values))
