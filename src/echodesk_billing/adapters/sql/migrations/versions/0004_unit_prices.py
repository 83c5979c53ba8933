"""Subscriptions, and orders that may still be paid, keep the unit prices that were agreed.

Databases of before kept only the price of a whole plan. Its parts are in the version of the catalogue that the plan was
priced from.
"""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_Document = dict[str, Any]
_BATCH = 500


def upgrade() -> None:
    catalogues = {
        row.version: json.loads(row.document) for row in op.get_bind().execute(sa.text("SELECT * FROM catalogues"))
    }
    _rewrite(lambda plan: plan if plan.get("items") else {**plan, "items": _items(plan, catalogues)})


def downgrade() -> None:
    _rewrite(lambda plan: {name: value for name, value in plan.items() if name != "items"})


def _rewrite(rewritten: Callable[[_Document], _Document]) -> None:
    def plan(text: str) -> str:
        return json.dumps(rewritten(json.loads(text)), ensure_ascii=False)

    def changes(text: str) -> str:
        documents = [{**change, "plan": rewritten(change["plan"])} for change in json.loads(text)]
        return json.dumps(documents, ensure_ascii=False)

    _each("orders", "id", "plan", plan, "state IN ('created', 'processing', 'blocked') AND plan IS NOT NULL")
    _each("subscriptions", "tenant_id", "plan", plan, "plan IS NOT NULL")
    _each("subscriptions", "tenant_id", "changes", changes, "changes <> '[]'")


def _each(table: str, key: str, column: str, rewrite: Callable[[str], str], where: str) -> None:
    rows, documents = sa.table(table, sa.column(key), sa.column(column)), op.get_bind()
    at, what = rows.c[key], rows.c[column]
    last = ""
    while found := documents.execute(
        sa.select(at, what).where(sa.text(where), at > last).order_by(at).limit(_BATCH)
    ).all():
        last = found[-1][0]
        for name, document in found:
            documents.execute(sa.update(rows).where(at == name).values({column: rewrite(document)}))


def _items(plan: _Document, catalogues: dict[int, _Document]) -> list[_Document]:
    selection, currency = plan["selection"], plan["price"]["currency"]
    if selection["package_id"] is not None:
        seats = selection["seats"] if plan["pricing_model"] == "agent" else 1
        unit_price = {"amount": str(Decimal(plan["price"]["amount"]) / seats), "currency": currency}
        return [{"id": selection["package_id"], "name": plan["name"], "unit_price": unit_price}]
    sold = catalogues.get(plan["catalogue_version"], {"features": []})["features"]
    features = {one["key"]: one for one in sold if currency in one["prices_per_seat"]}
    if not set(selection["features"]) <= set(features):
        return []
    return [
        {
            "id": features[key]["id"],
            "key": key,
            "name": features[key]["name"],
            "category": features[key]["category"],
            "unit_price": features[key]["prices_per_seat"][currency],
            "flat_price": features[key]["prices_flat"].get(currency),
        }
        for key in selection["features"]
    ]
