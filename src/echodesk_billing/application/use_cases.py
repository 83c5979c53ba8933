"""All use cases together, for the HTTP contract and the console."""

from __future__ import annotations

from attrs import frozen

from echodesk_billing.application.callbacks import ReceiveCallback
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.changes import Cancel, ChangePlan, StartTrial
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.coupons import ManageCoupons
from echodesk_billing.application.customers import Customers
from echodesk_billing.application.links import Links
from echodesk_billing.application.lists import Lists
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.operator_acts import OperatorActs
from echodesk_billing.application.operator_views import OperatorViews
from echodesk_billing.application.pay_links import PayLinks
from echodesk_billing.application.portal import Portal
from echodesk_billing.application.preauthorisation import Preauthorisation
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.subscription_acts import SubscriptionActs
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.application.transfers import BankTransfers
from echodesk_billing.application.views import Views
from echodesk_billing.application.watching import Watch
from echodesk_billing.application.webhooks import ManageWebhooks
from echodesk_billing.ports.access import Access
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway
from echodesk_billing.ports.storage import Storage
from echodesk_billing.ports.tracing import Tracing
from echodesk_billing.ports.vault import Vault


@frozen(kw_only=True)
class UseCases:
    """The use cases."""

    access: Access
    tokens: Tokens
    checkout: Checkout
    customers: Customers
    callbacks: ReceiveCallback
    cancel: Cancel
    refunds: RefundPayment
    acts: OperatorActs
    subscription_acts: SubscriptionActs
    transfers: BankTransfers
    coupons: ManageCoupons
    figures: BusinessFigures
    lists: Lists
    operator_views: OperatorViews
    webhooks: ManageWebhooks
    watch: Watch
    links: Links
    portal: Portal
    pay_links: PayLinks
    mails: SendMails
    settlement: Settlement
    preauthorisation: Preauthorisation
    cards: SavedCards
    change_plan: ChangePlan
    start_trial: StartTrial
    register: Register
    views: Views
    vault: Vault
    storage: Storage
    tracing: Tracing
    gateway: Gateway
    clock: Clock
    api_domain: str
    time_zone: str
