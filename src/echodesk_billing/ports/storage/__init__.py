"""Storage ports: the unit of work, and one module per aggregate."""

from echodesk_billing.ports.storage.answers import Answer, Answers
from echodesk_billing.ports.storage.books import Books
from echodesk_billing.ports.storage.cards import Cards
from echodesk_billing.ports.storage.catalogues import Catalogues
from echodesk_billing.ports.storage.chores import Chores
from echodesk_billing.ports.storage.coupons import Coupons
from echodesk_billing.ports.storage.customers import Customers
from echodesk_billing.ports.storage.inbox import Inbox, InboxEntry
from echodesk_billing.ports.storage.mails import Mails
from echodesk_billing.ports.storage.orders import Orders
from echodesk_billing.ports.storage.outbox import Outbox
from echodesk_billing.ports.storage.personal_data import PersonalData
from echodesk_billing.ports.storage.proformas import Proformas
from echodesk_billing.ports.storage.pruning import Pruning
from echodesk_billing.ports.storage.queue import Queue
from echodesk_billing.ports.storage.registrations import Registrations
from echodesk_billing.ports.storage.statistics import Statistics
from echodesk_billing.ports.storage.subscriptions import Subscriptions
from echodesk_billing.ports.storage.tokens import StoredToken, Tokens
from echodesk_billing.ports.storage.unit_of_work import Storage, StorageUnavailable, UnitOfWork
from echodesk_billing.ports.storage.webhooks import Webhooks

__all__ = [
    "Answer",
    "Answers",
    "Books",
    "Cards",
    "Catalogues",
    "Chores",
    "Coupons",
    "Customers",
    "Inbox",
    "InboxEntry",
    "Mails",
    "Orders",
    "Outbox",
    "PersonalData",
    "Proformas",
    "Pruning",
    "Queue",
    "Registrations",
    "Statistics",
    "Storage",
    "StorageUnavailable",
    "StoredToken",
    "Subscriptions",
    "Tokens",
    "UnitOfWork",
    "Webhooks",
]
