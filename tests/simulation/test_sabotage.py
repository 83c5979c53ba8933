"""Protections switched off, one by one: the simulation notices each.

Where one protection stands behind another, both are switched off, and the comment says what stands behind what.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from attrs import evolve

from echodesk_billing.adapters.memory.orders import MemoryOrders
from echodesk_billing.adapters.memory.webhooks import MemoryWebhooks
from echodesk_billing.application import settlement
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.order_submission import OrderSubmission
from echodesk_billing.application.reconciliation import Reconcile
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.relay import Relay
from echodesk_billing.application.views import Views
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.customers.registration import Applicant
from echodesk_billing.domain.events import OrderEvent
from echodesk_billing.domain.notifications.mail import Mail, MailState
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState
from echodesk_billing.domain.orders import fit, refunding
from echodesk_billing.domain.orders.attempt import Attempt
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.refund import Refund, RefundState
from echodesk_billing.domain.subscriptions import payments, renewals
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.gateway import Verdict
from tests.simulation import optimistic
from tests.simulation.bank import SimulatedBank
from tests.simulation.harsh import make_harsh
from tests.simulation.run import simulate
from tests.simulation.soak import quiet
from tests.simulation.steps import Pause, at_once
from tests.simulation.system import Connection

SEEDS = 400

Patch = pytest.MonkeyPatch
Sabotage = Callable[[Patch], None]
SABOTAGE: dict[str, tuple[str, Sabotage, int]] = {}


def sabotage(what: str, caught_by: str, first_seed: int = 0) -> Callable[[Sabotage], Sabotage]:
    """A protection that is switched off, and the invariants that notice; rare ones are looked for near a known seed."""

    def register(switch_off: Sabotage) -> Sabotage:
        SABOTAGE[what] = (caught_by, switch_off, first_seed)
        return switch_off

    return register


@sabotage("signatures are not checked", "1 3 7")
def _signature(patch: Patch) -> None:
    patch.setattr(SimulatedBank, "verify", lambda *_: Verdict.VALID)


@sabotage("an unsigned callback is believed", "1 3 7", 90)
def _hint(patch: Patch) -> None:
    patch.setattr(
        SimulatedBank, "verify", lambda _, __, signature: Verdict.INVALID if signature == "bad" else Verdict.VALID
    )


@sabotage("a new idempotency key for every attempt", "2")
def _key(patch: Patch) -> None:
    create = SimulatedBank.create_order

    async def forgetful(self: SimulatedBank, order: Order, wallet_token: str = "") -> Any:
        return await create(self, evolve(order, idempotency_key=str(uuid.uuid4())), wallet_token)

    patch.setattr(SimulatedBank, "create_order", forgetful)


@sabotage("a refund gets a new key for every attempt", "1 7", 280)
def _refund_key(patch: Patch) -> None:
    send = SimulatedBank.refund

    async def forgetful(self: SimulatedBank, order: Order, refund: Refund) -> str:
        return await send(self, order, evolve(refund, id=str(uuid.uuid4())))

    patch.setattr(SimulatedBank, "refund", forgetful)


@sabotage("refunds are not bounded by what was paid", "1")
def _bound(patch: Patch) -> None:
    def request(self: Order, amount: Any, *, refund_id: str, reason: str, at: Any, by: str = "") -> Refund:
        asked = Refund(
            id=refund_id,
            amount=amount or self.amount,
            state=RefundState.REQUESTED,
            reason=reason,
            by=by,
            asked_at=at,
        )
        self.refunds = (*self.refunds, asked)
        self.check_at = at
        return asked

    patch.setattr(refunding, "request_refund", request)


@sabotage("the bank's amount is not compared", "1 2", 105)
def _amount(patch: Patch) -> None:
    """An automatic charge takes the parent's amount: here the mandate is not looked at, and nobody compares."""
    patch.setattr("echodesk_billing.application.charging.obstacle", lambda card, *_: None if card else "no card")
    patch.setattr("echodesk_billing.application.renewals.obstacle", lambda card, *_: None if card else "no card")
    patch.setattr(fit, "_wrong_amount", lambda *_: None)
    patch.setattr(Order, "_paid_amount", lambda self, _: self.amount)


@sabotage("a payment that buys nothing is kept", "2")
def _give_back(patch: Patch) -> None:
    patch.setattr(payments, "give_back", lambda *_: [])


@sabotage("a refusal after an attempt in doubt is believed", "1 3 7", 325)
def _refusal(patch: Patch) -> None:
    patch.setattr(Attempt, "is_settled_by_refusal", lambda *_: True)


@sabotage("a late refusal is believed though another process asked too", "1 3 7", 100)
def _overtaken(patch: Patch) -> None:
    make_harsh(patch, slow=False)
    patch.setattr(Attempt, "is_settled_by_refusal", lambda self, *_: self is not Attempt.AGAIN)


@sabotage("a refund fails by a refusal though another process asked too", "1 7", 125)
def _overtaken_refund(patch: Patch) -> None:
    make_harsh(patch, slow=False)
    patch.setattr("echodesk_billing.application.refunds.is_alone", lambda *_: True)
    _forget_refused_refunds(patch)


@sabotage("a refusal of a refund after an attempt in doubt is believed", "1 7", 290)
def _refused_refund(patch: Patch) -> None:
    """The receipt that is read right after would bring it back: what it lists is not looked at either."""
    send = RefundPayment.send

    async def credulous(self: RefundPayment, order: Order, refund: Refund, **_: Any) -> Order:
        return await send(self, order, refund, refusal_settles=True)

    patch.setattr(RefundPayment, "send", credulous)
    _forget_refused_refunds(patch)


@sabotage("a refund that was refused is not asked for again", "1 7", 555)
def _forgets_refused_refunds(patch: Patch) -> None:
    make_harsh(patch, slow=True)
    _forget_refused_refunds(patch)


def _forget_refused_refunds(patch: Patch) -> None:
    patch.setattr("echodesk_billing.domain.orders.refund.may_go_after_all", lambda *_: False)

    def refused_and_done(order: Order, refund_id: str, reason: str, at: datetime) -> list[OrderEvent]:
        events = refused(order, refund_id, reason, at)
        order.check_at = None if order.is_settled else order.check_at
        return events

    refused = refunding.refund_refused
    patch.setattr(refunding, "refund_refused", refused_and_done)


@sabotage("a callback that was signed for another merchant is believed", "1 3 7")
def _merchant(patch: Patch) -> None:
    patch.setattr(Order, "is_known_as", lambda *_: True)


@sabotage("the bank's net amounts are not understood", "1 7")
def _net(patch: Patch) -> None:
    patch.setattr(fit, "gross", lambda _, report: report.transferred)


@sabotage("a payment that is refunded keeps its card", "11")
def _unwanted(patch: Patch) -> None:
    save = Card.save
    patch.setattr(Card, "unwanted", lambda order, reported, at: save(order, reported, at, is_first=True)[0])
    patch.setattr(settlement, "_forget_card", lambda *_: [])


@sabotage("a charge is asked for again after its card was removed", "11", 400)
def _removed(patch: Patch) -> None:
    async def nothing(*_: Any) -> None: ...

    patch.setattr(OrderSubmission, "_require_card", nothing)


@sabotage("a subscription whose charge is under way is due at no time", "10")
def _due(patch: Patch) -> None:
    plan = renewals.plan_next

    def forgetful(one: Subscription, now: Any, policy: Any) -> None:
        plan(one, now, policy)
        one.due_at = None if one.dunning.charged_period is not None else one.due_at

    patch.setattr(renewals, "plan_next", forgetful)


@sabotage("an unpaid registration names the tenant", "13")
def _stranger(patch: Patch) -> None:
    register = Register.register

    async def trusting(self: Register, applicant: Applicant, *args: Any, **more: Any) -> Order:
        named = Customer(tenant_id=applicant.schema_name, name=applicant.name, created_at=datetime.now(UTC))
        await self._storage.transact(lambda uow: uow.customers.add(named))
        return await register(self, applicant, *args, **more)

    patch.setattr(Register, "register", trusting)


@sabotage("who asks is not recorded", "12")
def _name(patch: Patch) -> None:
    patch.setattr(Principal, "name", "")


@sabotage("a period may be charged again: neither the constraint nor the mark", "2", 4)
def _period(patch: Patch) -> None:
    """The mark of the charge under way stands before the database's constraint, giving back behind both."""
    patch.setattr(MemoryOrders, "open_renewal", lambda *_: None)
    patch.setattr(renewals, "start_charge", lambda *_: None)
    patch.setattr(payments, "give_back", lambda *_: [])


@sabotage("the anchor moves to the day of the payment", "4")
def _anchor(patch: Patch) -> None:
    take = payments.take_payment

    def drifting(one: Subscription, order: Order, at: Any, catalogue: Any = None) -> Any:
        events = take(one, order, at, catalogue)
        if order.plan is not None and one.anchor is not None and one.next_period - one.term.anchor_period > 1:
            one.term = evolve(one.term, anchor=at)
        return events

    patch.setattr(payments, "take_payment", drifting)


@sabotage("any tenant's order is shown", "8")
def _tenant(patch: Patch) -> None:
    patch.setattr(
        Views, "order", lambda self, _, order_id: self._storage.read(lambda uow: uow.orders.get(order_id, None))
    )


@sabotage("events are recorded after the transaction", "5")
def _outbox(patch: Patch) -> None:
    transact = Connection.transact

    async def later(self: Connection, work: Any) -> Any:
        held: list[Any] = []

        def without_events(uow: Any) -> Any:
            held.clear()
            uow.outbox.add = lambda events, _by="": held.extend(events) or events
            return work(uow)

        result = await transact(self, without_events)
        await Pause("between the commit and the events")
        at_once(self.database.memory.transact(lambda uow: uow.outbox.add(held)))
        return result

    patch.setattr(Connection, "transact", later)


@sabotage("an event is marked as delivered before it is", "5")
def _relay(patch: Patch) -> None:
    async def batch(self: Relay) -> int:
        now = await self._clock.now()
        events = await self._storage.transact(lambda uow: uow.outbox.claim("x", now, now, 100))
        ids = [event.id for event in events]
        await self._storage.transact(lambda uow: uow.outbox.settle(ids, {}, now))
        for event in events:
            await self._delivery.deliver(event)
        return len(events)

    patch.setattr(Relay, "_batch", batch)


@sabotage("the bank is asked before the order is stored", "1 7")
def _intent(patch: Patch) -> None:
    """An order that the bank may have is forgotten again when the answer does not come."""
    submit = OrderSubmission.submit

    async def careless(self: OrderSubmission, order: Order, wallet_token: str = "", *, attempt: Attempt) -> Order:
        try:
            return await submit(self, order, wallet_token, attempt=attempt)
        except Exception:
            await self._settlement.refuse(order.id, "it seems that it failed", attempt)
            raise

    patch.setattr(OrderSubmission, "submit", careless)


@sabotage("nobody asks about orders in doubt", "1 3 7")
def _reconcile(patch: Patch) -> None:
    async def nothing(self: Reconcile, **_: Any) -> Any:  # noqa: ARG001
        return
        yield

    patch.setattr(Reconcile, "run", nothing)


@sabotage("a late report moves a state back", "3")
def _table(patch: Patch) -> None:
    observe = Order.observe

    def obedient(self: Order, report: Any, at: Any) -> Any:
        if self.is_paid and str(report.status) in ("created", "processing", "rejected"):
            self.state = OrderState.REJECTED if report.status == "rejected" else OrderState.PROCESSING
        return observe(self, report, at)

    patch.setattr(Order, "observe", obedient)


@sabotage("a registration's payload is stored as it came", "9")
def _payload(patch: Patch) -> None:
    patch.setattr("echodesk_billing.adapters.vault.FernetVault.seal", lambda _, plain: plain)


@sabotage("an order with a reported mismatch is completed", "1 3 7", 105)
def _mismatch(patch: Patch) -> None:
    _amount(patch)
    patch.setattr(fit, "misfit", lambda *_: None)


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    quiet()
    yield
    structlog.reset_defaults()


@sabotage("a process that was held up sends its mails, whoever sent them meanwhile", "17", 53)
def _stale_claim(patch: Patch) -> None:
    async def always(*_: object) -> bool:
        return True

    patch.setattr(SendMails, "_is_ours", always)


@sabotage("a mail that broke off is never sent again", "17", 3)
def _lost_mail(patch: Patch) -> None:
    def forget(self: Mail, _: datetime) -> bool:
        self.due_at = None
        return self.state is not MailState.SENDING

    patch.setattr(Mail, "begin", forget)


@sabotage("webhooks go out in any order", "17", 3)
def _any_order(patch: Patch) -> None:
    def last(self: MemoryWebhooks, endpoint_id: str, lane: str) -> Delivery | None:
        waiting = (one for one in self._deliveries if one.state is DeliveryState.WAITING)
        return next((one for one in reversed([*waiting]) if (one.endpoint_id, one.lane) == (endpoint_id, lane)), None)

    patch.setattr(MemoryWebhooks, "head", last)


@sabotage("a lane with more to send is put to sleep", "17", 123)
def _sleeping_lane(patch: Patch) -> None:
    schedule = MemoryWebhooks.schedule

    def sleepy(self: MemoryWebhooks, endpoint_id: str, lane: str, due_at: datetime | None) -> None:
        head = self.head(endpoint_id, lane)
        schedule(self, endpoint_id, lane, due_at if head is not None and head.tries else None)

    patch.setattr(MemoryWebhooks, "schedule", sleepy)


@pytest.mark.parametrize("what", SABOTAGE)
def test_the_simulation_detects_each_sabotage(what: str, monkeypatch: Patch) -> None:
    found_by, switch_off, first_seed = SABOTAGE[what]
    numbers = found_by.split()
    switch_off(monkeypatch)
    for seed in range(first_seed, first_seed + SEEDS):
        violations = simulate(seed).violations
        if any(violation.partition(":")[0] in numbers for violation in violations):
            return
    raise AssertionError(f"{what}: {SEEDS} seeds saw nothing")


def test_the_simulation_detects_writes_without_the_check_of_versions(monkeypatch: Patch) -> None:
    """Others come between what a unit of work reads and writes, and it writes over what they did."""
    monkeypatch.setattr(optimistic, "_expect", lambda *_: None)
    found = [violation for seed in range(20) for violation in simulate(seed, is_optimistic=True).violations]
    assert {violation.partition(":")[0] for violation in found} >= {"1", "3"}


def test_the_simulation_detects_decisions_on_what_changed_meanwhile(monkeypatch: Patch) -> None:
    """A row that decides something and is not saved has its version neither raised nor checked."""
    monkeypatch.setattr(optimistic, "_raise_versions", lambda *_: None)
    commit = optimistic.OptimisticUnit.commit

    def forgetful(self: optimistic.OptimisticUnit) -> None:
        self._decided.clear()
        commit(self)

    monkeypatch.setattr(optimistic.OptimisticUnit, "commit", forgetful)
    found = [one for seed in range(330, 335) for one in simulate(seed, is_optimistic=True).violations]
    assert [one for one in found if one.startswith("2: ") and "asked twice" in one]
