"""Everything wired up in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from attrs import Factory, define
from cryptography.fernet import Fernet

from echodesk_billing.adapters.handlers import Handlers
from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.adapters.pdf import PdfPrinter
from echodesk_billing.adapters.usage import NoUsage
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.application.announcing import Announce
from echodesk_billing.application.callbacks import ReceiveCallback
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.catalogues import LoadCatalogue
from echodesk_billing.application.changes import Cancel, ChangePlan, StartTrial
from echodesk_billing.application.charging import ChargeSavedCard
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.coupons import ManageCoupons
from echodesk_billing.application.customers import Customers
from echodesk_billing.application.letters import Letters
from echodesk_billing.application.links import Links
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.on_subscription import OnSubscription
from echodesk_billing.application.operator_acts import OperatorActs
from echodesk_billing.application.order_factory import OrderFactory
from echodesk_billing.application.order_submission import OrderSubmission
from echodesk_billing.application.pay_links import PayLinks
from echodesk_billing.application.payment_requests import PaymentRequestBuilder, Terms
from echodesk_billing.application.portal import Portal
from echodesk_billing.application.preauthorisation import Preauthorisation
from echodesk_billing.application.reconciliation import Reconcile
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.relay import Relay
from echodesk_billing.application.renewals import Renew, Renewed
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.subscription_acts import SubscriptionActs
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.application.transfers import BankTransfers
from echodesk_billing.application.views import Views
from echodesk_billing.application.watching import Watch
from echodesk_billing.application.webhook_delivery import SendWebhooks
from echodesk_billing.application.webhooks import ManageWebhooks
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.orders.return_pages import ReturnPages
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.storage import Storage
from tests.builders import catalogue, gel, principal
from tests.fake_bank import CountingIds, FakeBank, FakeClock
from tests.fake_post import FakeMailer, FakeReceivers, FakeWriter

SHOP = PaymentRequestBuilder(
    product_name="EchoDesk",
    callback_url="https://billing.example/api/payments/webhook/",
    pages=ReturnPages(base="https://{tenant}.echodesk.ge"),
    ttl_minutes=15,
    time_zone="Asia/Tbilisi",
    card_check=gel("1.00"),
)


POLICY = RenewalPolicy(trial=timedelta(days=14))
NO_CARD = Terms(save_card=SaveCard.NO)


@define(slots=False)
class World:
    """The use cases on memory, with a fake bank and a clock that stands."""

    bank: FakeBank = Factory(FakeBank)
    clock: FakeClock = Factory(FakeClock)
    ids: CountingIds = Factory(CountingIds)
    handlers: Handlers = Factory(Handlers)
    policy: RenewalPolicy = POLICY
    kept_in: Storage | None = None
    seller: Seller | None = None
    mailer: FakeMailer = Factory(FakeMailer)
    writer: FakeWriter = Factory(FakeWriter)
    receivers: FakeReceivers = Factory(FakeReceivers)

    def __attrs_post_init__(self) -> None:
        self.storage = self.kept_in or MemoryStorage(self.ids)
        self.settlement = Settlement(self.storage, self.clock, "Asia/Tbilisi", self.policy, self.seller)
        self.placement = OrderSubmission(self.storage, self.bank, self.settlement)
        self.ordering = OrderFactory(self.ids)
        bank = (self.storage, self.bank, self.clock)
        self.checkout = Checkout(*bank, self.ordering, self.placement, self.settlement, SHOP)
        self.customers = Customers(self.storage, self.clock)
        self.refunds = RefundPayment(*bank, self.ids, self.settlement)
        self.cards = SavedCards(*bank, self.ordering, self.placement, SHOP, self.checkout)
        self.charging = ChargeSavedCard(*bank, self.ordering, self.placement, SHOP, self.policy)
        self.on_subscription = OnSubscription(self.storage, self.clock, self.policy)
        self.acts = OperatorActs(*bank, self.charging, self.refunds, self.on_subscription)
        self.subscription_acts = SubscriptionActs(
            self.storage, self.clock, self.on_subscription, SHOP, paused_access=False
        )
        self.renew = Renew(self.storage, self.clock, self.charging, self.policy)
        self.vault = FernetVault([Fernet.generate_key().decode()])
        self.register_parts = (*bank, self.ordering, self.placement, SHOP, self.vault, timedelta(hours=1))
        self.register = Register(*self.register_parts)
        self.preauthorisation = Preauthorisation(self.storage, self.bank, self.settlement)
        self.callbacks = ReceiveCallback(self.storage, self.bank, self.clock, self.settlement)
        self.cancel = Cancel(self.on_subscription)
        self.change_plan = ChangePlan(self.storage, self.clock, self.checkout, self.policy)
        self.start_trial = StartTrial(self.storage, self.clock, SHOP, self.policy)
        self.reconcile = Reconcile(
            self.storage, self.bank, self.clock, self.placement, self.settlement, self.refunds, self.cards
        )
        self.relay = Relay(self.storage, self.handlers, self.clock, self.ids)
        printer = PdfPrinter(Party(name="EchoDesk"), "Asia/Tbilisi")
        self.views = Views(self.storage, self.clock, NoUsage(), printer, self.vault)
        sells = self.seller or Seller(party=Party(name="EchoDesk", bank_account="GE00BG0000000000000000"))
        transfer_parts = (self.ordering, self.settlement, SHOP, printer, sells, "Asia/Tbilisi")
        self.transfers = BankTransfers(self.storage, self.clock, *transfer_parts)
        self.figures = BusinessFigures(self.storage, "Asia/Tbilisi")
        self.coupons = ManageCoupons(self.storage, self.clock)
        self.tokens = Tokens(self.storage, self.clock, self.ids)
        self.load_catalogue = LoadCatalogue(self.storage, self.clock)
        self.links = Links(self.vault, "https://billing.example")
        self.pay_links = PayLinks(self.storage, self.clock, self.links, self.checkout)
        self.portal = Portal(self.clock, self.links, self.tokens)
        self.letters = Letters(operator="ops@echodesk.example")
        self.announce = Announce(self.storage, self.clock, self.letters, self.receivers)
        mail_parts = (self.mailer, self.writer, self.links, self.views, "EchoDesk")
        self.mails = SendMails(self.storage, self.clock, *mail_parts)
        self.webhooks = ManageWebhooks(self.storage, self.clock, self.ids, self.vault, self.receivers)
        self.send_webhooks = SendWebhooks(self.storage, self.clock, self.vault, self.receivers, timedelta(days=5))
        self.watch = Watch(self.storage, self.clock, timedelta(hours=2))

    async def notify(self) -> list[str]:
        """Announce events and send what is due; gives the kinds of the mails that were sent."""
        before = len(self.mailer.letters)
        await self.announce.run()
        await self.mails.run()
        for endpoint_id in await self.send_webhooks.busy():
            while lanes := await self.send_webhooks.claim(endpoint_id):
                for lane in lanes:
                    await self.send_webhooks.run_lane(endpoint_id, lane)
        return [one.written.subject for one in self.mailer.letters[before:]]

    async def buy(
        self,
        tenant_id: str = "acme",
        package_id: int = 2,
        seats: int = 1,
        *,
        distinct: bool = False,
        key: str | None = None,
        terms: Terms = NO_CARD,
    ) -> Order:
        selection = Selection(package_id=package_id, seats=seats)
        if distinct:
            self.clock.advance(seconds=61)
        return await self.checkout.buy(principal(tenant_id), selection, terms=terms, key=key)

    async def buy_and_pay(self, tenant_id: str = "acme", **more: Any) -> Order:
        """A payment that was made and heard of; gives the order as it is then."""
        order = await self.buy(tenant_id, **more)
        self.bank.pay(order)
        await self.hear(order)
        return await self.order(order.id)

    async def renewals(self) -> list[Renewed]:
        """Do what is due."""
        return [one async for one in self.renew.run()]

    async def charge_due(self, code: str = "100") -> Order:
        """The one charge that is due, answered by the bank with a code."""
        (renewed,) = await self.renewals()
        assert renewed.order_id is not None
        order = await self.order(renewed.order_id)
        await self.answer(order, code)
        return await self.order(order.id)

    async def answer(self, order: Order, code: str = "100") -> None:
        """The bank answers to a charge, and calls back."""
        if code == "100":
            self.bank.pay(order)
        else:
            self.bank.pay(order, status=BankStatus.REJECTED, code=code)
        await self.hear(order)

    async def order(self, order_id: str) -> Order:
        order = await self.storage.read(lambda uow: uow.orders.get(order_id, None))
        assert order is not None
        return order

    async def orders(self) -> list[Order]:
        return list(await self.storage.read(lambda uow: uow.orders.listed(None, None, 1000)))

    async def customer(self, tenant_id: str = "acme") -> Customer | None:
        """The customer of a tenant."""
        return await self.storage.read(lambda uow: uow.customers.get(tenant_id))

    async def subscription(self, tenant_id: str = "acme") -> Subscription:
        found = await self.storage.read(lambda uow: uow.subscriptions.get(tenant_id))
        assert found is not None
        return found

    async def hear(self, order: Order, signature: str | None = "good") -> None:
        """The bank calls back about an order as it stands there."""
        body = self.bank.callback(self.bank.created[order.idempotency_key].bank_order_id)
        await self.callbacks.receive(body, signature)

    async def events(self) -> list[Event]:
        """What was recorded and not delivered, oldest first."""
        now = self.clock.moment
        return list(await self.storage.read(lambda uow: uow.outbox.claim("test", now, now, 1000)))

    async def names(self) -> list[str]:
        return [event.name for event in await self.events()]


def well_formed(storage: Any) -> None:
    """Whatever is remembered has in every field what its type says, so that it can be stored and comes back."""
    memory = storage._memory
    kept = [
        *memory.orders.values(),
        *(step for steps in memory.history.values() for step in steps),
        *memory.subscriptions.values(),
        *memory.customers.values(),
        *memory.cards,
        *memory.registrations.values(),
        *memory.entries,
        *memory.invoices,
        *memory.inbox,
        *memory.mails.values(),
        *memory.endpoints.values(),
        *memory.deliveries,
        *(sent.event for sent in memory.outbox),
    ]
    for one in kept:
        assert msgspec.json.decode(msgspec.json.encode(one), type=type(one)) == one


@pytest.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    await world.load_catalogue.load(catalogue())
    yield world
    well_formed(world.storage)
