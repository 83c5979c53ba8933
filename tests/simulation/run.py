"""One run of the whole system from one seed: what people, bank, network and death do to it, and what must hold."""

from __future__ import annotations

import contextlib
import random
import re
import uuid
from collections import Counter
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

from attrs import define, evolve, field

from echodesk_billing.adapters.memory import MemoryStorage
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.application.catalogues import LoadCatalogue
from echodesk_billing.application.changes import When
from echodesk_billing.application.coupons import ManageCoupons
from echodesk_billing.application.errors import CallbackRefused
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.registration import Applicant, Registration
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.notifications.webhook import Endpoint, Secret
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import Capture, SaveCard
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.ports.gateway import MalformedCallback
from echodesk_billing.ports.storage import StorageUnavailable, UnitOfWork
from tests.builders import NOW, principal, with_intervals
from tests.simulation import invariants
from tests.simulation.bank import CALLBACK_EVERY, CALLBACK_TRIES, DECLINES, Callback, Kept, SimulatedBank
from tests.simulation.notifications import ENDPOINTS, Post
from tests.simulation.steps import Killed, Task, at_once
from tests.simulation.system import KEY, Database, Process, SeededIds, Sink, VirtualClock

TENANTS = ("acme", "globex", "initech")
OPERATOR = principal("echodesk", Scope.OPERATOR)
COUPONS = {
    "TEN": (CouponKind.DAYS, 10, None, None),
    "FIFTH": (CouponKind.PERCENT, 20, None, 1),
    "HALF": (CouponKind.PERCENT_PERIODS, 50, 2, None),
}
VARIED = 1
"""The remainder of seeds, by five, whose runs have them; chosen so that each sabotage is still seen."""
NOTIFIED = 3
"""The same of runs with mails and webhooks."""
PROCESSES = ("web-1", "web-2", "worker")
LONGEST_TASK = 3000  # steps
SECRET = b"s3cr3t-of-the-crm"
STRANGER = "Buy cheap pills"
Work = Callable[[Process], Coroutine[Any, Any, Any]]


@define
class Result:
    """What a run came to."""

    seed: int
    is_optimistic: bool
    steps: int
    crashes: int
    faults: Counter[str]
    places: Counter[str]
    events: Counter[str]
    violations: list[str]


@define(slots=False)
class Simulation:
    """A seed, and the world it makes.

    Args:
        is_optimistic: whether units of work run as on PostgreSQL; one after the other, as on SQLite, else.
    """

    seed: int
    is_optimistic: bool = False
    rng: random.Random = field(init=False)
    tasks: list[Task] = field(factory=list)
    crashes: int = 0
    places: Counter[str] = field(factory=Counter)
    trace: list[str] = field(factory=list)
    states: dict[str, OrderState] = field(factory=dict)
    anchors: dict[str, Subscription] = field(factory=dict)
    violations: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.clock = VirtualClock(NOW + timedelta(days=self.rng.randrange(400), seconds=self.rng.randrange(86400)))
        self.ids = SeededIds(random.Random(self.seed + 1))
        self.database = Database(MemoryStorage(self.ids), self.rng, self.is_optimistic)
        self.bank = SimulatedBank(self.rng, lambda: self.clock.moment)
        self.bank.is_removed = self._is_removed
        self.sink = Sink(self.rng)
        self.post = Post(random.Random(self.seed + 2), self.database.memory)
        at_once(LoadCatalogue(self.database.memory, self.clock).load(with_intervals()))
        if self.is_varied_business:
            for code, (kind, value, periods, uses) in COUPONS.items():
                facts = {"periods": periods, "max_uses": uses, "valid_from": NOW, "created_at": NOW, "reason": "x"}
                made = Coupon(code=code, kind=kind, value=value, **facts)
                at_once(ManageCoupons(self.database.memory, self.clock).create(OPERATOR, made))
        if self.is_notified:
            at_once(self.database.memory.transact(self._endpoints))
        self.processes = {name: self._process(name) for name in PROCESSES}

    def _is_removed(self, bank_order_id: str) -> bool:
        """Whether the owner of the card that this order saved has asked for its removal."""
        cards = self.database.memory._memory.cards
        return any(one.bank_order_id == bank_order_id and one.forgotten_at is not None for one in cards)

    def _endpoints(self, uow: UnitOfWork) -> None:
        """One webhook endpoint for the events of all tenants, one for those of a single tenant."""
        secret = Secret(sealed=FernetVault([KEY]).seal(b"whsec_c2VjcmV0").decode())
        for name, tenant in ENDPOINTS.items():
            facts = {"secrets": (secret,), "created_at": self.clock.moment}
            uow.webhooks.add(Endpoint(id=name, tenant_id=tenant, url=name, **facts))

    def _process(self, name: str) -> Process:
        return Process(name, self.database, self.bank, self.clock, self.ids, self.sink, self.post)

    # The run.

    def run(self) -> Result:
        """Some days full of faults, then an hour without; what must hold is checked all along and at the end."""
        steps = self.rng.randint(60, 160)
        for _ in range(steps):
            self._something_happens()
            self.violations += invariants.while_running(self)
            if self.violations:
                break
        self._settle()
        self.violations += invariants.while_running(self) + invariants.at_the_end(self)
        return Result(
            seed=self.seed,
            is_optimistic=self.is_optimistic,
            steps=steps,
            crashes=self.crashes,
            faults=Counter(self.bank.injected) + Counter(self.database.injected),
            places=self.places,
            events=Counter(event.name for event in self.sink.seen),
            violations=self.violations,
        )

    def _something_happens(self) -> None:
        choice = self.rng.random()
        if self.tasks and choice < 0.45:
            self._go_on(self.rng.choice(self.tasks), self.rng.randint(1, 6))
        elif choice < 0.65:
            self._people()
        elif choice < 0.75:
            self._customers_at_the_bank()
        elif choice < 0.85:
            self._time_passes()
        elif choice < 0.95:
            self._background()
        elif choice < 0.975 and self.tasks:
            self._die(self.rng.choice(PROCESSES))
        else:
            self._mischief()
        self._deliver_callbacks()

    def _start(
        self,
        name: str,
        work: Work,
        process: str = "",
        on_end: Callable[[Any, BaseException | None], None] = lambda _result, _error: None,
    ) -> Task:
        where = process or self.rng.choice(PROCESSES[:2])

        def ended(result: Any, error: BaseException | None) -> None:
            if error is not None and not isinstance(error, BillingError):
                self.violations.append(f"{name} raised {error!r}")
            on_end(result, error)

        task = Task(name, where, work(self.processes[where]), ended)
        self.trace.append(f"{self.clock.moment:%m-%d %H:%M} {where} {name}")
        self.tasks.append(task)
        self._go_on(task, self.rng.randint(0, 8))
        return task

    def _go_on(self, task: Task, steps: int) -> None:
        for _ in range(steps):
            if not task.step():
                self.tasks.remove(task)
                return
        if task.steps > LONGEST_TASK:
            self.violations.append(f"7: {task.name} never ends")
            self.tasks.remove(task)

    def _finish(self) -> None:
        """Everything that is under way ends."""
        while self.tasks:
            self._go_on(self.tasks[0], 1000)

    def _die(self, process: str) -> None:
        """A process is killed wherever its tasks are, and starts again."""
        self.crashes += 1
        for task in [one for one in self.tasks if one.process == process]:
            self.places[f"{task.name}: {task.at}"] += 1
            task.kill()
            self.tasks.remove(task)
        self.trace.append(f"{self.clock.moment:%m-%d %H:%M} {process} is killed")
        self.processes[process] = self._process(process)

    # What people do.

    def _people(self) -> None:
        tenant = self.rng.choice(TENANTS)
        who, selection = principal(tenant), self._selection()
        key = f"key-{self.rng.randrange(10)}" if self.rng.random() < 0.3 else None
        terms = Terms(save_card=self.rng.choice([SaveCard.AUTOMATIC, SaveCard.AUTOMATIC, SaveCard.NO]))
        held = Terms(capture=Capture.MANUAL, save_card=SaveCard.NO)
        card_id = self.rng.choice([None, None, *range(1, len(self.database.memory._memory.cards) + 1)])
        when, immediately = self.rng.choice(list(When)), self.rng.random() < 0.3
        acts: dict[str, tuple[int, Work | None]] = {
            "buy": (10, lambda p: p.checkout.buy(who, selection, terms=terms, key=key)),
            "hold": (1, lambda p: p.checkout.buy(who, selection, terms=held, key=key)),
            "pay now": (4, lambda p: p.checkout.pay_now(who, key=key)),
            "reactivate": (2, lambda p: p.checkout.reactivate(who, key=key)),
            "change": (5, lambda p: p.change_plan.change(who, lambda _: selection, when)),
            "drop change": (1, lambda p: p.change_plan.drop_schedule(who)),
            "cancel": (2, lambda p: p.cancel.cancel(who, immediately=immediately)),
            "resume": (2, lambda p: p.cancel.resume(who)),
            "trial": (1, lambda p: p.start_trial.start(who, selection)),
            "forget card": (3, lambda p: p.cards.forget(who, card_id)),
            "forget twice": (1, lambda p: _twice(p, who)),
            "add card": (2, lambda p: p.cards.add(who, key=key)),
            "charge": (2, lambda p: p.charging.charge(who, key=key)),
            "register": (2, None),
            "strangers register": (1, None),
            "resolve": (1, None),
            "look": (2, None),
            "refund": (5, None),
            "capture": (2, None),
            "release": (1, None),
        }
        if self.is_busy_office:
            days = self.rng.randint(1, 20)
            acts["give days"] = (
                3,
                lambda p: p.subscription_acts.give_days(OPERATOR, tenant, days, "an outage", key=key),
            )
            acts["retry"] = (2, lambda p: p.acts.retry(OPERATOR, tenant))
        if self.is_varied_business:
            acts |= self._business_acts(tenant, who, selection, terms)
        if self.is_notified:
            emails = [f"{name}@{tenant}.example" for name in ("nino", "dato")[: self.rng.randint(1, 2)]]
            acts["e-mails"] = (6, lambda p: p.customers.change_profile(who, {"emails": emails}))
        act = self.rng.choices(list(acts), [weight for weight, _ in acts.values()])[0]
        work = acts[act][1]
        if work is not None:
            self._start(act, work)
        elif act == "register":
            self._register()
        elif act == "strangers register":
            self._strangers_register()
        elif act == "resolve":
            self._resolve()
        elif act == "look":
            self._look(tenant)
        else:
            self._operator(act)

    def _business_acts(
        self, tenant: str, who: Principal, selection: Selection, terms: Terms
    ) -> dict[str, tuple[int, Work | None]]:
        """Coupons, pauses, complimentary plans, bank transfers, and figures that are asked for."""
        coupon, days = self.rng.choice(list(COUPONS)), self.rng.choice([None, 3, 20, 60])
        until = None if days is None else (self.clock.moment + timedelta(days=days)).date()
        with_coupon, chosen = evolve(terms, coupon=coupon), self.rng.choice([None, selection])
        made = self.database.memory._memory.proformas
        one, reference = self.rng.choice(made) if made else None, self.rng.choice(["T1", "T2"])
        when = self.rng.choice(list(When))
        acts: dict[str, tuple[int, Work | None]] = {
            "buy with coupon": (8, lambda p: p.checkout.buy(who, selection, terms=with_coupon)),
            "change with coupon": (
                3,
                lambda p: p.change_plan.change(who, lambda _: selection, when, coupon=coupon),
            ),
            "pause": (3, lambda p: p.subscription_acts.pause(OPERATOR, tenant, "a season", until=until)),
            "complimentary": (
                2,
                lambda p: p.subscription_acts.make_complimentary(OPERATOR, tenant, "x", until=until, selection=chosen),
            ),
            "proforma": (3, lambda p: p.transfers.create_proforma(OPERATOR, tenant, chosen)),
            "count": (4, lambda p: p.figures.count()),
        }
        if one is not None:
            amount = one.amount.amount
            acts["transfer"] = (6, lambda p: p.transfers.record(OPERATOR, one.number, amount, reference, "seen"))
        return acts

    def _selection(self) -> Selection:
        if self.rng.random() < 0.3:
            chosen = Selection(package_id=2)
        else:
            chosen = Selection(package_id=1, seats=self.rng.randint(1, 5))
        return self._rare(chosen) if self.seed % 4 == 0 else chosen

    @property
    def is_busy_office(self) -> bool:
        """Whether the office refunds, customers dispute and operators give days; not in every run, for variety."""
        return self.seed % 5 == 4

    @property
    def is_varied_business(self) -> bool:
        """Whether there are coupons, pauses, complimentary plans and bank transfers; not in every run, for variety."""
        return self.seed % 5 == VARIED

    @property
    def is_notified(self) -> bool:
        """Whether customers get mails, and other systems webhooks; not in every run, for variety."""
        return self.seed % 5 == NOTIFIED

    def _rare(self, chosen: Selection) -> Selection:
        """Sometimes a longer interval, a set of features, or features on top; not in every run, for variety."""
        interval = self.rng.choices([1, 3, 12], [6, 2, 1])[0]
        if chosen.package_id == 1 and self.rng.random() < 0.3:
            package_id = self.rng.choice([1, None])
            return Selection(package_id=package_id, features=("calls",), seats=chosen.seats, interval=interval)
        return chosen.changed(interval=interval)

    def _register(self) -> None:
        applicant = Applicant(
            schema_name=self.rng.choice(["newco", "startup"]),
            name="New",
            admin_email=self.rng.choice(["a@new.example", "b@new.example"]),
        )
        selection = self._selection()
        self._start("register", lambda p: p.register.register(applicant, selection, payload=SECRET))

    def _strangers_register(self) -> None:
        """Somebody registers a name that may be another's, writes what they like, and never pays."""
        applicant = Applicant(
            schema_name=self.rng.choice([*TENANTS, "newco", "startup"]),
            name=STRANGER,
            admin_email="stranger@evil.example",
        )
        selection = self._selection()
        self._start("strangers register", lambda p: p.register.register(applicant, selection, payload=SECRET))

    def _resolve(self) -> None:
        marked = [order for order in self.orders() if order.attention]
        if marked:
            order = self.rng.choice(marked)
            self._start("resolve", lambda p: p.settlement.resolve(OPERATOR, order.id, "looked at the bank"))

    def _look(self, tenant: str) -> None:
        """Somebody looks at an order that may be another's."""
        orders = self.orders()
        if not orders:
            return
        order = self.rng.choice(orders)

        def ended(result: Order | None, _error: BaseException | None) -> None:
            if result is not None and result.tenant_id != tenant:
                self.violations.append(f"8: {tenant} saw {result.id} of {result.tenant_id}")

        self._start("look", lambda p: p.views.order(principal(tenant), order.id), on_end=ended)

    def _operator(self, act: str) -> None:
        wanted = OrderState.BLOCKED if act in ("capture", "release") else OrderState.COMPLETED
        orders = [order for order in self.orders() if order.state is wanted]
        if not orders:
            return
        order = self.rng.choice(orders)
        if act == "capture":
            self._start("capture", lambda p: p.preauthorisation.capture(OPERATOR, order.id, None))
        elif act == "release":
            self._start("release", lambda p: p.preauthorisation.release(OPERATOR, order.id))
        else:
            amount = self.rng.choice([None, order.amount.amount, *[order.amount.amount / 2] * 3])
            named = str(uuid.UUID(int=self.rng.randrange(5), version=4)) if self.rng.random() < 0.5 else None
            self._start(
                "refund",
                lambda p: p.refunds.refund(
                    OPERATOR, order.id, amount and amount.quantize(order.amount.amount), refund_id=named
                ),
            )

    def _customers_at_the_bank(self) -> None:
        strangers = self._of_strangers()
        waiting = [
            kept
            for kept in self.bank.orders.values()
            if kept.is_payable
            and not kept.is_automatic
            and kept.external_id not in strangers
            and kept.external_id in self.database.memory._memory.orders  # pages of deleted orders have expired
        ]
        if waiting:
            kept = self.rng.choice(waiting)
            self.bank.pay(kept, "100" if self.rng.random() < 0.8 else self.rng.choice(DECLINES))
            self.trace.append(
                f"{self.clock.moment:%m-%d %H:%M} the customer answers for {kept.external_id}: {kept.code}"
            )

    def _of_strangers(self) -> set[str]:
        """Orders that strangers made and never pay."""
        return {one.order_id for one in self.registrations() if one.applicant.name == STRANGER}

    def _time_passes(self) -> None:
        hours = self.rng.choice([0.01, 0.3, 1, 4, 24, 24, 72, 24 * 8, 24 * 28, 24 * 31])
        self.clock.moment += timedelta(hours=hours)
        self.clock.skew = -timedelta(seconds=self.rng.choice([0, 0, 0, 30]))
        self.bank.pass_time()

    def _background(self) -> None:
        chore = self.rng.choice(("renew", "renew", "reconcile", "relay", "remind", "prune"))
        if self.is_notified and self.rng.random() < 0.5:
            chore = "notify"
        process = self.rng.choice(PROCESSES)
        self._start(chore, lambda p: _chore(p, chore), process)

    def _mischief(self) -> None:
        known, choice = list(self.bank.orders.values()), self.rng.random()
        orders = self.orders()
        if orders and choice < 0.2:
            self.bank.other_merchant(self.rng.choice(orders[:5]))
        elif choice < 0.3:
            self.database.note("database away for some calls")
            self.database.away = self.rng.randint(3, 40)
        elif known and choice < 0.5:
            self.bank.forge(self.rng.choice(known))
        elif known and choice < 0.7:
            kept = self.rng.choice(known)
            if kept.external_id not in self._of_strangers():
                self.bank.correct(kept)
        elif known and self.is_busy_office and choice < 0.85:
            self.bank.refund_at_the_office(self.rng.choice(known))
        elif known and self.is_busy_office and choice < 0.95:
            self.bank.dispute(self.rng.choice(known))
        else:
            self.bank.replay()

    def _deliver_callbacks(self) -> None:
        for callback in [one for one in self.bank.callbacks if one.at <= self.clock.moment]:
            if self.bank.faults and self.rng.random() < 0.3:
                continue  # it is overtaken by others
            self.bank.callbacks.remove(callback)
            self._start(
                "callback",
                lambda p, one=callback: p.callbacks.receive(one.body, one.signature),
                on_end=lambda _result, error, one=callback: self._answered(one, error),
            )

    def _answered(self, callback: Callback, error: BaseException | None) -> None:
        """The bank tries again what was not answered 200."""
        final = error is None or isinstance(error, CallbackRefused | MalformedCallback)
        unheard = isinstance(error, StorageUnavailable | Killed)  # the bank goes on where nobody answers at all
        if final or (callback.tries + 1 >= CALLBACK_TRIES and self.bank.faults and not unheard):
            return
        callback.tries += 1
        callback.at = self.clock.moment + CALLBACK_EVERY
        self.bank.callbacks.append(callback)

    # The end.

    def _settle(self) -> None:
        """Faults stop, everybody finishes, and the clock moves on, an hour and more."""
        self.bank.faults = self.database.faults = self.sink.faults = self.post.faults = False
        self.clock.skew = timedelta(0)
        self._finish()
        for kept in self.bank.orders.values():
            if kept.is_payable and not kept.is_automatic:
                kept.expires_at = min(kept.expires_at, self.clock.moment + timedelta(minutes=20))
        for callback in self.bank.callbacks:
            callback.at = min(callback.at, self.clock.moment + timedelta(hours=1))
        for _ in range(16):
            self.clock.moment += timedelta(minutes=30)
            self.bank.pass_time()
            while any(one.at <= self.clock.moment for one in self.bank.callbacks):
                self._deliver_callbacks()
                self._finish()
            for chore in ("renew", "reconcile", "relay", "remind", *(["notify"] if self.is_notified else [])):
                self._start(chore, lambda p, chore=chore: _chore(p, chore), "worker")
                self._finish()

    def orders(self) -> list[Order]:
        """All orders, newest first."""
        return list(self.database.read(lambda uow: uow.orders.listed(None, None, 10_000)))

    def registrations(self) -> list[Registration]:
        """Those that were not deleted."""
        return list(self.database.memory._memory.registrations.values())

    def kept(self, order: Order) -> Kept | None:
        """The order as the bank has it."""
        known = self.bank.by_key.get(order.idempotency_key)
        return self.bank.orders[known] if known else None


async def _chore(process: Process, chore: str) -> None:
    match chore:
        case "renew":
            await _renew(process)
        case "reconcile":
            async for one in process.reconcile.run():
                if re.match(r"[A-Z]\w+: ", one.problem or ""):  # not the bank's problem, but one of ours
                    raise AssertionError(one.problem)
        case "relay":
            await process.relay.run()
        case "prune":
            await process.prune.run()
        case "notify":
            await _notify(process)
        case _:
            await process.renew.remind_of_cards()
            await process.register.erase_payloads()


async def _renew(process: Process) -> None:
    async for _ in process.renew.run():
        pass


async def _notify(process: Process) -> None:
    await process.announce.run()
    await process.mails.run()
    for endpoint_id in await process.webhooks.busy():
        for lane in await process.webhooks.claim(endpoint_id):
            await process.webhooks.run_lane(endpoint_id, lane)


async def _twice(process: Process, who: Principal) -> None:
    """Somebody removes the default card, hears nothing, and removes it again."""
    with contextlib.suppress(BillingError):
        await process.cards.forget(who)
    await process.cards.forget(who)


def simulate(seed: int, *, is_optimistic: bool = False) -> Result:
    """Run one seed."""
    return Simulation(seed, is_optimistic).run()
