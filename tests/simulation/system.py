"""Processes of ours on a shared database, which die and start again."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from attrs import define, field

from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.adapters.memory.storage import MemoryUnitOfWork
from echodesk_billing.adapters.pdf import PdfPrinter
from echodesk_billing.adapters.usage import NoUsage
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.application.announcing import Announce
from echodesk_billing.application.callbacks import ReceiveCallback
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.changes import Cancel, ChangePlan, StartTrial
from echodesk_billing.application.charging import ChargeSavedCard
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.customers import Customers
from echodesk_billing.application.letters import Letters
from echodesk_billing.application.links import Links
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.on_subscription import OnSubscription
from echodesk_billing.application.operator_acts import OperatorActs
from echodesk_billing.application.order_factory import OrderFactory
from echodesk_billing.application.order_submission import OrderSubmission
from echodesk_billing.application.preauthorisation import Preauthorisation
from echodesk_billing.application.pruning import Prune, Retention
from echodesk_billing.application.reconciliation import Reconcile
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.relay import Relay
from echodesk_billing.application.renewals import Renew
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.subscription_acts import SubscriptionActs
from echodesk_billing.application.transfers import BankTransfers
from echodesk_billing.application.views import Views
from echodesk_billing.application.webhook_delivery import SendWebhooks
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.events import Event
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.ports.printer import Document
from echodesk_billing.ports.storage import StorageUnavailable, UnitOfWork
from tests.simulation import optimistic
from tests.simulation.bank import SimulatedBank
from tests.simulation.notifications import PlainWriter, Post, SimulatedMailServer, SimulatedReceivers
from tests.simulation.steps import Pause, at_once
from tests.unit.conftest import SHOP

T = TypeVar("T")

ZONE = "Asia/Tbilisi"
POLICY = RenewalPolicy(trial=timedelta(days=14), ahead=timedelta(hours=6), suspends_contested=True)
KEY = "c2ltdWxhdGlvbi1zaW11bGF0aW9uLXNpbXVsYXRpb24="


@define
class VirtualClock:
    """Time that moves when the simulation says so, sometimes back a little."""

    moment: datetime
    skew: timedelta = timedelta(0)

    async def now(self) -> datetime:
        return self.moment + self.skew


@define
class SeededIds:
    """Identifiers from the seed."""

    rng: random.Random
    made: int = 0

    def order_id(self, purpose: Purpose) -> str:
        return f"{purpose}-{self.rng.getrandbits(48):012X}"

    def idempotency_key(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def event_id(self, at: datetime) -> str:
        self.made += 1
        return f"{int(at.timestamp() * 1000):012x}-{self.made:08d}"

    def token(self) -> str:
        return f"{self.rng.getrandbits(256):064x}"


@define
class Database:
    """The one storage of all processes; it outlives them.

    Args:
        is_optimistic: whether units of work run as on PostgreSQL, where others may come between their reads and writes;
            as on SQLite otherwise, one after the other.
    """

    memory: MemoryStorage
    rng: random.Random
    is_optimistic: bool = False
    faults: bool = True
    injected: dict[str, int] = field(factory=dict)
    away: int = 0  # for so many calls it refuses every connection

    def answer(self) -> None:
        """Refuse the connection, where it is away."""
        if self.faults and self.away:
            self.away -= 1
            raise StorageUnavailable("connection refused")

    def read(self, work: Callable[[UnitOfWork], T]) -> T:
        """Look without copying; whoever looks changes nothing."""
        return work(MemoryUnitOfWork(self.memory._memory, self.memory._ids))

    def note(self, kind: str) -> None:
        self.injected[kind] = self.injected.get(kind, 0) + 1


@define
class Connection:
    """The storage as one process has it: with pauses around each commit, and a database that goes away."""

    database: Database

    async def transact(self, work: Callable[[UnitOfWork], T]) -> T:
        await Pause("before commit")
        self.database.answer()
        fate = self.database.rng.random() if self.database.faults else 1.0
        if fate < 0.01:
            self.database.note("database gone before the commit")
            raise StorageUnavailable("the database went away")
        if self.database.is_optimistic:
            result = await optimistic.transact(self.database.memory, work, self.database.rng)
        else:
            result = at_once(self.database.memory.transact(work))
        await Pause("after commit")
        if fate < 0.02:
            self.database.note("database gone after the commit")
            raise StorageUnavailable("the database went away")
        return result

    async def read(self, work: Callable[[UnitOfWork], T]) -> T:
        self.database.answer()
        return at_once(self.database.memory.read(work))

    async def migrate(self) -> list[str]:
        return []

    async def problem(self) -> str | None:
        return None

    async def close(self) -> None: ...


@define
class Sink:
    """A consumer of events: it fails at times, sees some twice, and remembers what it has seen."""

    rng: random.Random
    faults: bool = True
    seen: list[Event] = field(factory=list)
    failed: int = 0

    async def take(self, event: Event) -> None:
        await Pause("before handling an event")
        if self.faults and self.rng.random() < 0.1:
            self.failed += 1
            raise RuntimeError("the handler failed")
        self.seen.append(event)
        await Pause("after handling an event")


SELLER = Seller(party=Party(name="EchoDesk", bank_account="GE00BG0000000000000000"), vat_percent=Decimal(18))


@define
class ToSink:
    """A delivery to the sink, without threads and time limits, which need an event loop."""

    sink: Sink
    is_wanted: bool = True

    async def deliver(self, event: Event) -> None:
        await self.sink.take(event)


@define
class NoPrinter:
    """Mails without PDFs, which would need an event loop."""

    is_available: bool = False

    def print(self, document: Document, buyer: str, language: str) -> bytes:
        raise AssertionError(f"{document}, {buyer}, {language}")


class Process:
    """Everything that runs in one process of ours."""

    def __init__(
        self,
        name: str,
        database: Database,
        bank: SimulatedBank,
        clock: VirtualClock,
        ids: SeededIds,
        sink: Sink,
        post: Post,
    ) -> None:
        self.name = name
        connection = Connection(database)
        settlement = Settlement(connection, clock, ZONE, POLICY, SELLER)
        submission = OrderSubmission(connection, bank, settlement)
        order_factory = OrderFactory(ids)
        parts = (connection, bank, clock)
        self.checkout = Checkout(*parts, order_factory, submission, settlement, SHOP)
        self.refunds = RefundPayment(*parts, ids, settlement)
        self.cards = SavedCards(*parts, order_factory, submission, SHOP, self.checkout)
        self.charging = ChargeSavedCard(*parts, order_factory, submission, SHOP, POLICY)
        self.renew = Renew(connection, clock, self.charging, POLICY)
        on_subscription = OnSubscription(connection, clock, POLICY)
        self.acts = OperatorActs(*parts, self.charging, self.refunds, on_subscription)
        self.subscription_acts = SubscriptionActs(connection, clock, on_subscription, SHOP, paused_access=False)
        self.register = Register(*parts, order_factory, submission, SHOP, FernetVault([KEY]), timedelta(hours=1))
        self.preauthorisation = Preauthorisation(connection, bank, settlement)
        self.callbacks = ReceiveCallback(*parts, settlement)
        self.cancel = Cancel(on_subscription)
        self.change_plan = ChangePlan(connection, clock, self.checkout, POLICY)
        self.start_trial = StartTrial(connection, clock, SHOP, POLICY)
        self.reconcile = Reconcile(*parts, submission, settlement, self.refunds, self.cards)
        self.relay = Relay(connection, ToSink(sink), clock, ids)
        self.figures = BusinessFigures(connection, ZONE)
        transfer_parts = (order_factory, settlement, SHOP, PdfPrinter([], ZONE), SELLER, ZONE)
        self.transfers = BankTransfers(connection, clock, *transfer_parts)
        self.settlement = settlement
        self.prune = Prune(*parts, settlement, Retention())
        vault = FernetVault([KEY])
        self.views = Views(connection, clock, NoUsage(), PdfPrinter([], ZONE), vault)
        self.customers = Customers(connection, clock)
        receivers, links = SimulatedReceivers(post), Links(vault, "https://billing.example")
        self.announce = Announce(connection, clock, Letters(operator="ops@echodesk.example"), receivers)
        without_pdf = Views(connection, clock, NoUsage(), NoPrinter(), vault)
        mail_parts = (SimulatedMailServer(post), PlainWriter(), links, without_pdf, "EchoDesk")
        self.mails = SendMails(connection, clock, *mail_parts)
        self.webhooks = SendWebhooks(connection, clock, vault, receivers, timedelta(days=5))
