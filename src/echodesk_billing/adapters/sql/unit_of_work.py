"""The unit of work on a SQL connection, the same for SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from echodesk_billing.adapters.sql.answers import SqlAnswers
from echodesk_billing.adapters.sql.books import SqlBooks
from echodesk_billing.adapters.sql.cards import SqlCards
from echodesk_billing.adapters.sql.catalogues import SqlCatalogues
from echodesk_billing.adapters.sql.chores import SqlChores
from echodesk_billing.adapters.sql.coupons import SqlCoupons
from echodesk_billing.adapters.sql.customers import SqlCustomers
from echodesk_billing.adapters.sql.inbox import SqlInbox
from echodesk_billing.adapters.sql.mails import SqlMails
from echodesk_billing.adapters.sql.orders import SqlOrders
from echodesk_billing.adapters.sql.outbox import SqlOutbox
from echodesk_billing.adapters.sql.personal_data import SqlPersonalData
from echodesk_billing.adapters.sql.proformas import SqlProformas
from echodesk_billing.adapters.sql.pruning import SqlPruning
from echodesk_billing.adapters.sql.queue import SqlQueue
from echodesk_billing.adapters.sql.registrations import SqlRegistrations
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statistics import SqlStatistics
from echodesk_billing.adapters.sql.subscriptions import SqlSubscriptions
from echodesk_billing.adapters.sql.tokens import SqlTokens
from echodesk_billing.adapters.sql.webhooks import SqlWebhooks
from echodesk_billing.ports.ids import Ids


class SqlUnitOfWork:
    """The unit of work in one session."""

    def __init__(self, session: Session, ids: Ids) -> None:
        held: dict[str, Any] = {}
        loaded: dict[str, Any] = {}
        self.orders = SqlOrders(session, held, loaded)
        self.customers = SqlCustomers(session, loaded)
        self.subscriptions = SqlSubscriptions(session, held)
        self.cards = SqlCards(session)
        self.registrations = SqlRegistrations(session)
        self.books = SqlBooks(session)
        self.proformas = SqlProformas(session)
        self.coupons = SqlCoupons(session)
        self.catalogues = SqlCatalogues(session)
        self.inbox = SqlInbox(session)
        self.outbox = SqlOutbox(session, ids)
        self.statistics = SqlStatistics(session)
        self.chores = SqlChores(session)
        self.mails = SqlMails(session)
        self.webhooks = SqlWebhooks(session)
        self.queue = SqlQueue(session)
        self.tokens = SqlTokens(session)
        self.answers = SqlAnswers(session)
        self.personal_data = SqlPersonalData(session)
        self.pruning = SqlPruning(session)
