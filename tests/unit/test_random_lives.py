"""Random lives of two tenants: whatever they do and whenever, money, periods and access stay right."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Coroutine
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from attrs import evolve
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from echodesk_billing import BillingError, CreditNote, Invoice, Proforma, SaveCard, SubscriptionRenewed
from echodesk_billing.application.changes import When
from echodesk_billing.application.payment_requests import Terms
from echodesk_billing.domain.accounting import journal as books
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions import renewals
from echodesk_billing.domain.subscriptions.coupons import Coupon, CouponKind
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.access import Scope
from tests.builders import NOW, principal, with_intervals
from tests.unit.conftest import World

T = TypeVar("T")

MANDATE = Terms(save_card=SaveCard.AUTOMATIC)
TENANTS = ("acme", "globex")
tenants = st.sampled_from(TENANTS)
intervals = st.sampled_from([1, 1, 3, 12])
selections = st.one_of(
    st.builds(Selection, package_id=st.just(1), seats=st.integers(1, 6), interval=intervals),
    st.builds(Selection, package_id=st.just(2), interval=intervals),
)
COUPONS = {"TEN": (CouponKind.DAYS, 10, None), "FIFTH": (CouponKind.PERCENT, 20, None)}
COUPONS |= {"HALF": (CouponKind.PERCENT_PERIODS, 50, 2)}
coupons = st.sampled_from(["", "", *COUPONS])
cards = st.sampled_from([MANDATE, Terms(save_card=SaveCard.NO)])
PAYING = (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE, SubscriptionState.CANCELLED)
OPERATOR = principal("x", Scope.OPERATOR)
ZONE = ZoneInfo("Asia/Tbilisi")
SELLER = Seller(party=Party(name="EchoDesk LLC", bank_account="GE00BG0000000000000000"), vat_percent=Decimal(18))
codes = st.sampled_from(["107", "105", "108", "109", "112", "199", "777"])


class Lives(RuleBasedStateMachine):
    """What may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.world = World(seller=SELLER)

    def teardown(self) -> None:
        """At the end faults stop and the clock moves on: nothing is left in doubt."""
        try:
            self.run(self._settle_everything())
        finally:
            self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T | None:
        """Do it; what the rules refuse is refused without a change."""
        try:
            return self.runner.run(work)
        except BillingError:
            return None

    @initialize(buys=st.booleans())
    def sell(self, buys: bool) -> None:
        self.run(self.world.load_catalogue.load(with_intervals()))
        for code, (kind, value, periods) in COUPONS.items():
            made = Coupon(
                code=code, kind=kind, value=value, periods=periods, valid_from=NOW, created_at=NOW, reason="x"
            )
            self.run(self.world.coupons.create(OPERATOR, made))
        if buys:
            self.run(self.world.buy_and_pay(package_id=1, terms=MANDATE))
            self.run(self.world.buy_and_pay("globex", terms=MANDATE))

    @rule(answers=st.lists(st.sampled_from(["100", "100", "100", "107", "105", ""]), min_size=1, max_size=4))
    def what_is_due_comes_due(self, answers: list[str]) -> None:
        """The clock moves to what is due next; the worker works; the bank answers, or not yet."""
        for answer in answers:
            due = [one.due_at for one in filter(None, map(self._subscription, TENANTS)) if one.due_at]
            self.world.clock.moment = max(self.world.clock.moment, min(due, default=self.world.clock.moment))
            self.run(self.world.renewals())
            for order in self._orders():
                if order.purpose is Purpose.RENEWAL and order.state is OrderState.PROCESSING and answer:
                    self.run(self._pay(order, 1) if answer == "100" else self.world.answer(order, answer))

    @rule(tenant=tenants, selection=selections, terms=cards, code=coupons)
    def buy(self, tenant: str, selection: Selection, terms: Terms, code: str) -> None:
        self.run(self.world.checkout.buy(principal(tenant), selection, terms=evolve(terms, coupon=code)))

    @rule(tenant=tenants, selection=selections, when=st.sampled_from(list(When)), code=coupons)
    def change(self, tenant: str, selection: Selection, when: When, code: str) -> None:
        self.run(self.world.change_plan.change(principal(tenant), lambda _: selection, when, coupon=code))

    @rule(tenant=tenants, days=st.integers(1, 20))
    def an_operator_gives_days(self, tenant: str, days: int) -> None:
        self.run(self.world.subscription_acts.give_days(OPERATOR, tenant, days, "an outage"))

    @rule(tenant=tenants, days=st.sampled_from([None, 1, 20, 70]), new=st.booleans())
    def an_operator_makes_a_plan_complimentary(self, tenant: str, days: int | None, new: bool) -> None:
        acts, selection = self.world.subscription_acts, Selection(package_id=2) if new else None
        self.run(acts.make_complimentary(OPERATOR, tenant, "x", until=self._day(days), selection=selection))

    @rule(tenant=tenants, days=st.sampled_from([None, 1, 40, 70]))
    def an_operator_plans_a_pause(self, tenant: str, days: int | None) -> None:
        self.run(self.world.subscription_acts.pause(OPERATOR, tenant, "a season", until=self._day(days)))

    @rule(tenant=tenants, selection=st.none() | selections)
    def an_operator_makes_a_proforma(self, tenant: str, selection: Selection | None) -> None:
        self.run(self.world.transfers.create_proforma(OPERATOR, tenant, selection))

    @rule(pick=st.integers(0, 20), reference=st.sampled_from(["T1", "T2"]))
    def a_transfer_is_recorded(self, pick: int, reference: str) -> None:
        made = self.runner.run(self.world.transfers.listed(None))
        if made:
            one = made[pick % len(made)]
            self.run(self._record(one, reference))

    @rule(pick=st.integers(0, 20), share=st.integers(1, 4))
    def the_banks_office_refunds(self, pick: int, share: int) -> None:
        paid = [one for one in self._orders() if one.captured and one.bank_order_id and not one.pending_refunds]
        left = [one for one in paid if one.captured and (one.captured - one.refunded).minor >= share]
        if left:
            order = left[pick % len(left)]
            rest = (order.captured or order.amount) - order.refunded
            self.world.bank.give_back_at_the_office(order, Money.from_minor(rest.minor // share, rest.currency))
            self.run(self.world.hear(order))

    @rule(tenant=tenants)
    def drop_the_scheduled_change(self, tenant: str) -> None:
        self.run(self.world.change_plan.drop_schedule(principal(tenant)))

    @rule(tenant=tenants)
    def pay_by_hand(self, tenant: str) -> None:
        self.run(self.world.checkout.pay_now(principal(tenant)))

    @rule(tenant=tenants)
    def reactivate(self, tenant: str) -> None:
        self.run(self.world.checkout.reactivate(principal(tenant)))

    @rule(tenant=tenants, immediately=st.booleans())
    def cancel(self, tenant: str, immediately: bool) -> None:
        self.run(self.world.cancel.cancel(principal(tenant), immediately=immediately))

    @rule(tenant=tenants)
    def resume(self, tenant: str) -> None:
        self.run(self.world.cancel.resume(principal(tenant)))

    @rule(tenant=tenants)
    def start_a_trial(self, tenant: str) -> None:
        self.run(self.world.start_trial.start(principal(tenant), Selection(package_id=2)))

    @rule(tenant=tenants)
    def forget_the_card(self, tenant: str) -> None:
        self.run(self.world.cards.forget(principal(tenant)))

    @rule(hours=st.sampled_from([1, 4, 24, 3 * 24, 7 * 24, 15 * 24, 31 * 24, 80 * 24]))
    def time_passes(self, hours: int) -> None:
        self.world.clock.advance(hours=hours)

    @rule()
    def the_worker_runs(self) -> None:
        self.run(self.world.renewals())

    @rule(pick=st.integers(0, 20), times=st.integers(1, 3))
    def the_bank_takes_a_payment(self, pick: int, times: int) -> None:
        if order := self._pick(pick):
            self.run(self._pay(order, times))

    @rule(pick=st.integers(0, 20), code=codes)
    def the_bank_declines(self, pick: int, code: str) -> None:
        if order := self._pick(pick):
            self.run(self.world.answer(order, code))

    @rule(pick=st.integers(0, 20))
    def what_was_declined_turns_out_paid(self, pick: int) -> None:
        declined = [order for order in self._orders() if order.state is OrderState.REJECTED and order.bank_order_id]
        if declined:
            self.run(self._pay(declined[pick % len(declined)], 1))

    @rule(pick=st.integers(0, 20), share=st.integers(1, 4))
    def an_operator_refunds(self, pick: int, share: int) -> None:
        paid = [order for order in self._orders() if order.captured and not order.pending_refunds]
        if paid:
            order = paid[pick % len(paid)]
            amount = None if share == 1 else Money.from_minor(order.amount.minor // share, Currency.GEL).amount
            self.run(self.world.refunds.refund(principal("x", Scope.OPERATOR), order.id, amount))

    @rule()
    def refunds_go(self) -> None:
        self.run(self._give_back())

    @invariant()
    def no_period_is_paid_twice(self) -> None:
        kept = [(order.tenant_id, order.period) for order in self._orders() if _is_kept(order)]
        assert max(Counter(kept).values(), default=0) <= 1, Counter(kept).most_common(1)

    @invariant()
    def no_charge_is_made_twice(self) -> None:
        charges = [
            (order.tenant_id, order.period)
            for order in self._orders()
            if order.purpose is Purpose.RENEWAL and order.state is not OrderState.REJECTED and _is_kept(order)
        ]
        assert max(Counter(charges).values(), default=0) <= 1

    @invariant()
    def the_books_are_the_banks(self) -> None:
        zero = Money.zero(Currency.GEL)
        at_the_bank = sum(
            (
                (said.transferred or zero) - (said.refunded or zero)
                for said in self.world.bank.receipts.values()
                if said.claims_money and self._heard(said.bank_order_id)
            ),
            zero,
        )
        by_card, by_transfer = zero, zero
        for order in self._orders():
            kept = (order.captured or zero) - order.refunded
            by_card, by_transfer = (
                (by_card + kept, by_transfer) if order.request.transfer is None else (by_card, by_transfer + kept)
            )
        assert at_the_bank == by_card == self._balance(books.BANK)
        assert by_transfer == self._balance(books.TRANSFERS)

    @invariant()
    def the_vat_account_is_what_the_documents_say(self) -> None:
        zero = Money.zero(Currency.GEL)
        charged = sum((one.details.vat or zero for one in self._invoices()), zero)
        returned = sum((one.vat or zero for one in self._notes()), zero)
        assert self._balance(books.VAT) == returned - charged
        assert all(self._balance(books.tenant_account(tenant)) == self._card_checks(tenant) for tenant in TENANTS)

    @invariant()
    def credit_notes_are_the_refunds_and_have_no_gap(self) -> None:
        notes, zero = self._notes(), Money.zero(Currency.GEL)
        for series in {one.series for one in notes}:
            serials = sorted(one.serial for one in notes if one.series == series)
            assert serials == list(range(1, len(serials) + 1))
        bought = [one for one in self._orders() if one.purpose is not Purpose.CARD]
        assert sum((one.amount for one in notes), zero) == sum((one.refunded for one in bought), zero)

    @invariant()
    def invoices_have_no_gap(self) -> None:
        invoices = self._invoices()
        for series in {invoice.series for invoice in invoices}:
            serials = sorted(invoice.serial for invoice in invoices if invoice.series == series)
            assert serials == list(range(1, len(serials) + 1))
        bought = [one for one in self._orders() if one.captured is not None and one.purpose is not Purpose.CARD]
        assert len(invoices) == len(bought)

    @invariant()
    def access_is_exactly_as_defined(self) -> None:
        now, grace = self.world.clock.moment, self.world.policy.grace
        for subscription in filter(None, map(self._subscription, TENANTS)):
            until, state = subscription.paid_until, subscription.state
            if until is None or state in (SubscriptionState.SUSPENDED, SubscriptionState.ENDED):
                expected = False
            elif state in (SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE):
                expected = now < max(until, subscription.dunning.first_failed_at or until) + grace
            elif state is SubscriptionState.PAUSED:
                expected = False  # as the setting says
            else:
                expected = now < until
            assert subscription.has_access(now) is expected
            assert subscription.due_at is not None or state not in (
                SubscriptionState.TRIALING,
                SubscriptionState.CANCELLED,
            )

    @invariant()
    def nobody_pays_what_is_complimentary_or_paused(self) -> None:
        for subscription in filter(None, map(self._subscription, TENANTS)):
            if subscription.is_free_for_good or subscription.pause is not None:
                assert renewals.owed_purchase(subscription, self.world.clock.moment, self.world.policy) is None
            assert subscription.pause is not None or subscription.state is not SubscriptionState.PAUSED

    def _balance(self, account: str) -> Money:
        zero = Money.zero(Currency.GEL)
        balance: Money = self._read(lambda uow: uow.books.balance(account)).get(Currency.GEL, zero)
        return balance

    def _card_checks(self, tenant: str) -> Money:
        """What a tenant's account holds: card checks that were not refunded yet have no invoice."""
        checks = [one for one in self._orders() if (one.tenant_id, one.purpose) == (tenant, Purpose.CARD)]
        zero = Money.zero(Currency.GEL)
        return zero - sum(((one.captured or zero) - one.refunded for one in checks), zero)

    def _invoices(self) -> list[Invoice]:
        return [one for tenant in TENANTS for one in self._read(lambda uow, of=tenant: uow.books.invoices_of(of, 1000))]

    def _notes(self) -> list[CreditNote]:
        return [
            one for tenant in TENANTS for one in self._read(lambda uow, of=tenant: uow.books.credit_notes_of(of, 1000))
        ]

    def _day(self, days: int | None) -> date | None:
        return None if days is None else (self.world.clock.moment + timedelta(days=days)).astimezone(ZONE).date()

    async def _record(self, one: Proforma, reference: str) -> None:
        """A transfer buys something, always, and no paid day is lost by it."""
        before = await self.world.storage.read(lambda uow: uow.subscriptions.get(one.tenant_id))
        order = await self.world.transfers.record(OPERATOR, one.number, one.amount.amount, reference, "seen")
        after, now = await self.world.subscription(one.tenant_id), self.world.clock.moment
        assert not order.is_given_back
        if before is not None and before.is_paid(now) and not one.order_id:
            assert after.unused_value(now) >= before.unused_value(now) + order.amount.minor

    def _read(self, work: Any) -> Any:
        return self.runner.run(self.world.storage.read(work))

    def _orders(self) -> list[Order]:
        return self.runner.run(self.world.orders())

    def _subscription(self, tenant: str) -> Subscription | None:
        found: Subscription | None = self._read(lambda uow: uow.subscriptions.get(tenant))
        return found

    def _heard(self, bank_order_id: str) -> bool:
        return any(order.bank_order_id == bank_order_id and order.captured for order in self._orders())

    def _pick(self, pick: int) -> Order | None:
        waiting = [order for order in self._orders() if order.state is OrderState.PROCESSING]
        return waiting[pick % len(waiting)] if waiting else None

    async def _pay(self, order: Order, times: int) -> None:
        """The bank takes the money and says so, perhaps more than once. No paid day is lost by it."""
        before = await self.world.storage.read(lambda uow: uow.subscriptions.get(order.tenant_id))
        self.world.bank.pay(order)
        for _ in range(times):
            await self.world.hear(order)
        after, paid = await self.world.subscription(order.tenant_id), await self.world.order(order.id)
        if before is None or paid.captured is None:
            return
        now = self.world.clock.moment
        bought = Fraction(paid.captured.minor) if _is_kept(paid) else Fraction(0)
        if before.is_paid(now) and before.plan_of(before.next_period - 1).price.currency is paid.captured.currency:
            assert after.unused_value(now) >= before.unused_value(now) + bought
        told = [event for event in await self.world.events() if isinstance(event, SubscriptionRenewed)]
        assert max(Counter(event.order_id for event in told if event.order_id).values(), default=0) <= 1

    async def _give_back(self) -> None:
        async for _ in self.world.reconcile.run():
            pass
        for order in await self.world.orders():
            if order.pending_refunds and order.bank_order_id:
                self.world.bank.give_back(order)
                await self.world.hear(order)

    async def _settle_everything(self) -> None:
        for _ in range(3):
            self.world.clock.advance(hours=2)
            await self._give_back()
        assert [order.id for order in await self.world.orders() if order.pending_refunds] == []
        assert [order.id for order in await self.world.orders() if order.state is OrderState.CREATED] == []
        await self.world.figures.count()
        assert await self.world.figures.verify() == []
        remembered = await self.world.storage.read(lambda uow: uow.statistics.customers(TENANTS))
        for tenant, one in remembered.items():
            found = await self.world.storage.read(lambda uow, of=tenant: uow.subscriptions.get(of))
            if one.recurring and found is not None and found.plan is not None:
                assert found.state in (
                    SubscriptionState.ACTIVE,
                    SubscriptionState.PAST_DUE,
                    SubscriptionState.CANCELLED,
                )
                assert one.recurring == found.plan.monthly_price.minor


def _is_kept(order: Order) -> bool:
    """Whether its money was kept for what it bought, by our own doing."""
    given_back = any(one.reason not in ("", "card check") for one in order.refunds)
    return order.captured is not None and not given_back


Lives.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=50,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLives = Lives.TestCase
