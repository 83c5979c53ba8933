"""Rows that only exist for a person, in SQL."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from echodesk_billing.adapters.sql.mails import mail_addresses, mails
from echodesk_billing.adapters.sql.outbox import outbox, to_event
from echodesk_billing.adapters.sql.proformas import proformas, to_proforma
from echodesk_billing.adapters.sql.schema import document
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.subscriptions import subscriptions
from echodesk_billing.adapters.sql.tokens import tokens
from echodesk_billing.adapters.sql.webhooks import deliveries, endpoints, lanes
from echodesk_billing.domain.customers.erasure import PERSONAL_EVENTS, erase_event, erase_proforma


class SqlPersonalData:
    """Rows of a tenant that only exist for its people, and names in its events and proformas."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def delete(self, tenant_id: str) -> int:
        """By the indexes on tenant_id, and those of endpoints."""
        mine = select(endpoints.c.id).where(endpoints.c.tenant_id == tenant_id)
        statements = (
            delete(deliveries).where(deliveries.c.endpoint_id.in_(mine)),
            delete(lanes).where(lanes.c.endpoint_id.in_(mine)),
            *(
                delete(table).where(table.c.tenant_id == tenant_id)
                for table in (endpoints, mails, mail_addresses, tokens)
            ),
        )
        return sum(self._session.execute(one).rowcount for one in statements)

    def blank(self, tenant_id: str) -> None:
        """By ix_outbox_tenant, the index of proformas on tenant_id, and the primary key of subscriptions."""
        self._session.execute(
            update(subscriptions).where(subscriptions.c.tenant_id == tenant_id).values(tenant_name="")
        )
        personal = outbox.c.type.in_([kind.__name__ for kind in PERSONAL_EVENTS])
        for row in self._session.execute(select(outbox).where(outbox.c.tenant_id == tenant_id, personal)).all():
            body = document(erase_event(to_event(row)))
            self._session.execute(update(outbox).where(outbox.c.id == row.id).values(body=body))
        for row in self._session.execute(select(proformas).where(proformas.c.tenant_id == tenant_id)).all():
            blank = erase_proforma(to_proforma(row))
            values = {"buyer": blank.buyer, "details": document(blank.details), "description": blank.description}
            self._session.execute(update(proformas).where(proformas.c.id == row.id).values(**values))
