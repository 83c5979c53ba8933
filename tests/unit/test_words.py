"""What the domain says: which input was at fault and why, and what an event and a line of the history tell."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from attrs import evolve

from echodesk_billing import (
    AmountTooLarge,
    Currency,
    IllegalTransition,
    InvalidSelection,
    Money,
    OrderCompleted,
    OrderMismatch,
    OrderRejected,
    SubscriptionCancelled,
    SubscriptionPastDue,
    TenantRegistered,
)
from echodesk_billing.domain.accounting.audit import Comparison, compare
from echodesk_billing.domain.accounting.journal import payment_entries
from echodesk_billing.domain.catalogue.limits import Limits
from echodesk_billing.domain.catalogue.pricing import Selection, feature_item, plan
from echodesk_billing.domain.customers.registration import Applicant, Registration, RegistrationState
from echodesk_billing.domain.errors import (
    ChangeRefused,
    InvalidPaymentOption,
    NameTaken,
    NoActiveSubscription,
    NothingScheduled,
    TrialRefused,
)
from echodesk_billing.domain.keys import derived_key
from echodesk_billing.domain.orders import refunding
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.holds import require_held
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import PaymentMethod, PaymentOptions, Split, SplitPart
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund, RefundState, merged
from echodesk_billing.domain.orders.report import BankStatus, Source
from echodesk_billing.domain.orders.response_codes import RetryAdvice
from echodesk_billing.domain.subscriptions import changes, offers
from echodesk_billing.domain.subscriptions.cancellation import cancel
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.payments import take_payment
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.purchase import Purchase
from echodesk_billing.domain.subscriptions.renewals import take_decline
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.domain.subscriptions.trials import start_trial
from tests.builders import (
    NOW,
    a_manual_order,
    a_plan,
    an_order,
    catalogue,
    gel,
    paid,
    refund,
    report,
    running,
)
from tests.unit.test_cards import a_card

LATER = NOW + timedelta(hours=1)
FEATURES = Selection(features=("whatsapp", "instagram"))
PART = SplitPart(iban="GE00", amount=gel("10.00"))
HALF = SplitPart(iban="GE00", percent=Decimal(50))
MIXED = "Give each part of a split an amount, or each a share in per cent"


def applicant(**changes: str) -> Applicant:
    return Applicant(**{"schema_name": "acme", "name": "Acme", "admin_email": "nino@acme.example", **changes})


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        (lambda: FEATURES.with_feature("whatsapp"), "feature_id", "whatsapp is already part of the subscription"),
        (lambda: FEATURES.without_feature("sms"), "feature_id", "sms is not part of the subscription"),
        (
            lambda: Selection(features=("sms",)).without_feature("sms"),
            "feature_id",
            "sms is the last feature. A subscription has at least one: cancel it instead",
        ),
        (lambda: Selection(package_id=1).without_feature("sms"), "feature_id", "sms is not part of the subscription"),
        (lambda: applicant(language="fr"), "language", "'fr' is not a language here: give en, ka, ru"),
        (lambda: Selection(package_id=1, interval=37), "interval", "Choose from 1 to 36 months, not 37"),
        (lambda: applicant(admin_email="nino" * 20), "admin_email", f"{('nino' * 20)[:50]!r} is not an e-mail address"),
        (lambda: Split(parts=()), "split", MIXED),
        (lambda: Split(parts=(PART, HALF)), "split", MIXED),
        (lambda: Split(parts=(SplitPart(iban="GE00"),)), "split", MIXED),
        (lambda: Split(parts=(HALF,)), "split", "The shares of a split make 50 per cent, not 100"),
        (
            lambda: PaymentOptions(methods=(PaymentMethod.BNPL,)),
            "loan",
            "bnpl as the only method needs a loan: its type and its months",
        ),
        (lambda: catalogue().feature_by_id(9), "feature_id", "There is no feature 9"),
        (
            lambda: catalogue().feature("sms"),
            "features",
            "There is no feature 'sms'; features: tickets, calls",
        ),
        (
            lambda: catalogue().package(9),
            "package_id",
            "There is no package 9; packages: 1, 2",
        ),
        (
            lambda: evolve(catalogue(), packages=()).package(9),
            "package_id",
            "There is no package 9; packages: none yet",
        ),
        (
            Selection,
            "package_id",
            "Choose a package, one or more features, or both",
        ),
        (
            lambda: offers.purchase(running(), catalogue(), Selection(package_id=1), Currency.EUR, NOW),
            "currency",
            "This subscription is paid in GEL until 2026-02-28. Pay in GEL, or wait until then to switch currency",
        ),
        (
            lambda: evolve(catalogue(), packages=(), features=()).feature("sms"),
            "features",
            "There is no feature 'sms'; features: none yet",
        ),
        (
            lambda: feature_item(catalogue(), "calls", Currency.EUR),
            "currency",
            "feature calls has no price in EUR; currencies: GEL",
        ),
        (
            lambda: plan(catalogue(), Selection(package_id=2), Currency.EUR),
            "currency",
            "package 2 has no price in EUR; currencies: GEL",
        ),
    ],
)
def test_an_invalid_choice_names_its_field(wrong: Callable[[], object], field: str, message: str) -> None:
    with pytest.raises(InvalidSelection) as refused:
        wrong()
    assert (refused.value.field, refused.value.message, str(refused.value)) == (field, message, message)
    assert isinstance(refused.value, InvalidPaymentOption) == (field in {"split", "loan"})


NOTHING = gel("0.00")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: an_order(amount=NOTHING), "the amount of an order is 0.00 GEL: it must be more than zero"),
        (
            lambda: evolve(payment_entries(paid_event())[0], amount=NOTHING),
            "the amount of an entry is 0.00 GEL: it must be more than zero",
        ),
        (
            lambda: evolve(catalogue().packages[0], prices={Currency.GEL: NOTHING}),
            "a catalogue price is 0.00 GEL: it must be more than zero",
        ),
        (
            lambda: evolve(catalogue().packages[0], id=0),
            "a package's id is 0: give a number from 1 to 9223372036854775807$",
        ),
        (
            lambda: evolve(catalogue().features[0], id=2**63),
            "a feature's id is 9223372036854775808: give a number from 1",
        ),
        (
            lambda: evolve(catalogue().packages[0], display_name=""),
            "a package's display_name is '': give 1 to 100 printable characters$",
        ),
        (lambda: evolve(catalogue().packages[0], name="a\0"), "a package's name is 'a.x00': give 1 to 100 printable"),
        (
            lambda: evolve(catalogue().features[0], name="n" * 101),
            "a feature's name is 'n{50}': give 1 to 100 printable",
        ),
        (lambda: evolve(catalogue().features[0], key=""), "a feature's key is '': give 1 to 64 printable"),
        (lambda: evolve(catalogue().features[0], key="k" * 65), "a feature's key is 'k{50}': give 1 to 64 printable"),
        (lambda: Limits(max_users=-1), "the limit max_users is -1: give 0 or more$"),
        (
            lambda: evolve(catalogue(), packages=(), features=catalogue().features[:1] * 2),
            "feature id 1 is used twice",
        ),
    ],
)
def test_an_invalid_amount_names_its_purpose(wrong: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        wrong()


def paid_event() -> OrderCompleted:
    (event,) = an_order().observe(report(BankStatus.COMPLETED), NOW)
    assert isinstance(event, OrderCompleted)
    return event


def test_errors_say_what_is_missing_or_taken() -> None:
    assert str(NoActiveSubscription()) == "No active subscription found"
    assert str(NothingScheduled()) == "No scheduled change found"
    assert (NameTaken("acme").name, str(NameTaken("acme"))) == ("acme", "The name 'acme' is taken: choose another")


def blocked() -> Order:
    order = a_manual_order()
    order.observe(report(BankStatus.BLOCKED), NOW)
    return order


@pytest.mark.parametrize("event", ["capture", "release"])
def test_only_held_money_is_captured_or_released(event: str) -> None:
    with pytest.raises(IllegalTransition) as refused:
        require_held(an_order(), event)
    order = an_order()
    assert (refused.value.subject, refused.value.event, refused.value.state) == (order.subject, event, "created")
    assert order.id in order.subject
    require_held(blocked(), event, gel("145.00"))
    with pytest.raises(AmountTooLarge) as too_large:
        require_held(blocked(), event, gel("145.01"))
    assert str(too_large.value) == f"order {order.id} has 145.00 GEL to {event}, not 145.01 GEL"
    assert too_large.value.order_id == order.id
    with pytest.raises(ValueError, match=f"the amount to {event}"):
        require_held(blocked(), event, gel("0.00"))


def test_a_refusal_reaches_every_waiting_caller() -> None:
    order = an_order()
    order.steps.clear()
    (event,) = order.refuse("no such currency", LATER)
    assert event == OrderRejected(
        tenant_id=order.tenant_id, at=LATER, order_id=order.id, code=None, reason="no such currency"
    )
    assert order.steps == [
        Step(
            at=LATER,
            event="reject",
            source=Source.ANSWER,
            before="created",
            after="rejected",
            detail="no such currency",
        )
    ]
    assert (order.state, order.reject_reason) == (OrderState.REJECTED, "no such currency")
    assert order.refuse("again", LATER) == []


def test_an_order_begins_with_one_history_entry() -> None:
    order = an_order()
    assert order.steps == [Step(at=NOW, event="create", source=Source.REQUEST, before="", after="created")]
    assert (order.created_at, order.updated_at) == (NOW, NOW)


@pytest.mark.parametrize(
    ("code", "reason", "detail"), [("107", "no money", "107"), (None, "expired", "expired"), (None, None, "")]
)
def test_a_rejection_carries_the_banks_code_or_reason(code: str | None, reason: str | None, detail: str) -> None:
    order = an_order()
    (event,) = order.observe(report(BankStatus.REJECTED, code=code, reject_reason=reason), LATER)
    assert event == OrderRejected(tenant_id="acme", at=LATER, order_id=order.id, code=code, reason=reason)
    assert [(step.event, step.detail) for step in order.steps[1:]] == [("reject", detail)]


def test_a_released_hold_is_a_rejection() -> None:
    order = blocked()
    (event,) = order.observe(report(BankStatus.REJECTED, code=None, reject_reason="released"), LATER)
    assert event == OrderRejected(tenant_id="acme", at=LATER, order_id=order.id, code=None, reason="released")


def test_refunds_in_another_currency_are_reported_one_by_one() -> None:
    order = paid()
    euros = Money(Decimal("1.00"), Currency.EUR)
    back = evolve(refund("a1", "1.00"), amount=euros)
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(back,), refunded=euros), LATER)
    assert order.attention == ("refunds of 1.00 EUR, 1.00 EUR are reported of 145.00 GEL",)


def test_features_are_named_one_after_the_other() -> None:
    assert plan(catalogue(), Selection(features=("tickets", "calls")), Currency.GEL).name == "Calls, Tickets"


def test_attention_is_emitted_once() -> None:
    order = an_order()
    order.steps.clear()
    assert order.mark("odd", Source.RECEIPT, LATER) == [
        OrderMismatch(tenant_id=order.tenant_id, at=LATER, order_id=order.id, reason="odd")
    ]
    assert order.steps == [
        Step(at=LATER, event="attention", source=Source.RECEIPT, before="created", after="created", detail="odd")
    ]
    assert order.mark("odd", Source.RECEIPT, LATER) == []


@pytest.mark.parametrize(
    ("outcome", "source"),
    [("accepted", Source.ANSWER), ("refused", Source.ANSWER), ("in_doubt", Source.REQUEST)],
)
def test_a_call_to_the_bank_is_noted_in_the_history(outcome: str, source: Source) -> None:
    order = an_order()
    order.steps.clear()
    order.called("capture", outcome, LATER, "why")  # type: ignore[arg-type]
    assert order.steps == [
        Step(at=LATER, event=f"capture_{outcome}", source=source, before="created", after="created", detail="why")
    ]


def test_a_call_without_details_is_noted_without_them() -> None:
    order = an_order()
    order.called("release", "accepted", LATER)
    assert order.steps[-1].detail == ""


def test_the_history_shows_a_refund_requested_and_accepted() -> None:
    order = paid()
    order.steps.clear()
    refunding.request_refund(order, gel("10.00"), refund_id="r1", reason="unhappy", at=LATER)
    assert order.check_at == LATER + timedelta(minutes=1)
    refunding.refund_accepted(order, "r1", "a1", LATER)
    assert [(step.event, step.source, step.detail) for step in order.steps] == [
        ("refund_requested", Source.REQUEST, "10.00 GEL unhappy"),
        ("refund_accepted", Source.ANSWER, "a1"),
    ]
    order.steps.clear()
    refunding.refund_accepted(order, "r1", "a1", LATER)
    assert order.steps == []
    order.observe(report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00"),)), LATER)
    assert [(step.event, step.source, step.detail) for step in order.steps] == [
        ("refund_partially", Source.CALLBACK, "")
    ]


def test_an_impossible_refund_names_its_order() -> None:
    with pytest.raises(IllegalTransition) as refused:
        refunding.request_refund(an_order(), None, refund_id="r1", reason="", at=NOW)
    assert (refused.value.subject, refused.value.event) == (an_order().subject, "refund")
    with pytest.raises(AmountTooLarge) as too_large:
        refunding.request_refund(paid(), gel("145.01"), refund_id="r1", reason="", at=NOW)
    assert str(too_large.value) == f"order {an_order().id} has 145.00 GEL to refund, not 145.01 GEL"
    assert too_large.value.order_id == an_order().id
    with pytest.raises(ValueError, match=r"^the amount of a refund"):
        refunding.request_refund(paid(), gel("0.00"), refund_id="r1", reason="", at=NOW)


def test_a_refund_that_was_refused_keeps_the_reason() -> None:
    order = paid()
    refunding.request_refund(order, gel("10.00"), refund_id="r1", reason="asked", at=NOW)
    events = refunding.refund_refused(order, "r1", "too late", LATER)
    assert [(one.state, one.reason, one.failure) for one in order.refunds] == [
        (RefundState.FAILED, "asked", "too late")
    ]
    assert [event.reason for event in events] == ["refund r1 of 10.00 GEL failed: too late"]  # type: ignore[union-attr]
    soon = NOW + timedelta(minutes=1)  # another attempt at it may have reached the bank
    assert (order.check_at, order.steps[-1].source) == (soon, Source.ANSWER)


def test_a_refund_of_the_banks_back_office_has_the_banks_id() -> None:
    told = report(BankStatus.REFUNDED_PARTIALLY, refunds=(refund("a1", "10.00", completed=False),))
    assert merged((), told, gel("145.00")) == (
        Refund(id="a1", amount=gel("10.00"), state=RefundState.REQUESTED, action_id="a1"),
    )


def test_the_card_check_is_refunded_under_a_key_derived_from_the_order() -> None:
    first, second, other = paid(), paid(), paid()
    other.idempotency_key = "another"
    for order in (first, second, other):
        refunding.give_back_card_check(order, LATER)
    (mine,) = first.refunds
    assert (mine.amount, mine.reason, mine.state) == (gel("145.00"), "card check", RefundState.REQUESTED)
    assert mine.id == second.refunds[0].id == derived_key(first.idempotency_key, "card check") != other.refunds[0].id
    assert first.check_at == LATER


def test_a_registered_tenant_has_all_data_of_its_registration() -> None:
    who = applicant(admin_first_name="Nino", admin_last_name="Beridze", language="en")
    registration = Registration(order_id="REG-1", applicant=who, sealed_payload=None, created_at=NOW, expires_at=LATER)
    other = applicant(admin_email="someone@else.example")
    assert (registration.reserves_against(other, NOW), registration.reserves_against(who, NOW)) == (True, False)
    assert registration.on_payment(LATER) == [
        TenantRegistered(
            tenant_id="acme",
            at=LATER,
            order_id="REG-1",
            tenant_name="Acme",
            admin_email="nino@acme.example",
            admin_first_name="Nino",
            admin_last_name="Beridze",
            language="en",
            subdomain="acme",
        )
    ]
    assert registration.state is RegistrationState.REGISTERED
    assert registration.reserves_against(who, LATER + timedelta(days=9))
    assert registration.on_payment(LATER) == []


def test_a_comparison_shows_all_three_sides() -> None:
    order = an_order()
    events = order.observe(report(BankStatus.COMPLETED), NOW)
    (completed,) = events
    assert isinstance(completed, OrderCompleted)
    booked = payment_entries(completed)
    assert compare(order, report(BankStatus.COMPLETED), booked) == Comparison(
        order_id=order.id,
        tenant_id=order.tenant_id,
        state="completed",
        bank_status="completed",
        captured=gel("145.00"),
        refunded=gel("0.00"),
        at_the_bank=gel("145.00"),
        in_the_books=gel("145.00"),
        differences=(),
    )
    back = (refund("a1", "10.00"),)
    held = compare(an_order(), report(BankStatus.BLOCKED, refunds=back), [])
    assert (held.at_the_bank, held.differences) == (gel("0.00"), ())


def test_a_payment_in_another_currency_needs_attention() -> None:
    dollars = report(BankStatus.COMPLETED, transferred=Money(Decimal("145.00"), Currency.USD))
    compared = compare(an_order(), dollars, [])
    assert (compared.at_the_bank, compared.differences) == (gel("0.00"), ())


def test_money_is_compared_and_read_in_its_currency() -> None:
    assert gel("1.00") >= gel("1.00")
    assert not gel("0.99") >= gel("1.00")
    assert Money.parse("1.00", "USD") == Money(Decimal("1.00"), Currency.USD)


def test_a_card_without_a_reminder_time_gets_no_reminder() -> None:
    card = a_card(expiry="02/26", is_default=True, remind_at=None)
    assert card.remind(NOW, RenewalPolicy()) == []


def test_without_configured_trials_a_trial_is_refused() -> None:
    with pytest.raises(TrialRefused) as refused:
        start_trial(Subscription(tenant_id="acme", term=Term(time_zone="UTC")), a_plan(), RenewalPolicy(), NOW)
    assert str(refused.value) == "There are no trials"


@pytest.mark.parametrize("immediately", [True, False])
def test_a_cancellation_says_when_access_ends(*, immediately: bool) -> None:
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    take_payment(subscription, an_order(), NOW)
    cancelled = cancel(subscription, LATER, immediately=immediately)[0]
    assert isinstance(cancelled, SubscriptionCancelled)
    assert cancelled.access_until == (LATER if immediately else subscription.paid_until)


RUNNING, LAPSED = NOW + timedelta(days=3), NOW + timedelta(days=90)


@pytest.mark.parametrize(
    ("state", "now", "brings_back"),
    [
        (SubscriptionState.ENDED, RUNNING, True),
        (SubscriptionState.ENDED, LAPSED, True),
        (SubscriptionState.CANCELLED, LAPSED, True),
        (SubscriptionState.CANCELLED, RUNNING, False),
        (SubscriptionState.ACTIVE, RUNNING, False),
        (SubscriptionState.ACTIVE, LAPSED, False),
        (SubscriptionState.PAST_DUE, RUNNING, False),
        (SubscriptionState.PAST_DUE, LAPSED, False),
        (SubscriptionState.TRIALING, RUNNING, False),
    ],
)
def test_only_suspended_and_ended_subscriptions_can_be_reactivated(
    state: SubscriptionState, now: datetime, *, brings_back: bool
) -> None:
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    take_payment(subscription, an_order(), NOW)
    subscription.state = state
    if brings_back:
        assert offers.reactivation(subscription, catalogue(), now) == Purchase(
            purpose=Purpose.SUBSCRIPTION, plan=a_plan(), period=1
        )
        return
    with pytest.raises(IllegalTransition) as refused:
        offers.reactivation(subscription, catalogue(), now)
    assert (refused.value.subject, refused.value.event, refused.value.state) == (
        subscription.subject,
        "reactivate",
        state,
    )


def test_a_day_is_counted_in_the_tenants_time_zone() -> None:
    """In Tbilisi the period begins on the 11th, while in Greenwich it is still the 10th."""
    subscription = Subscription(tenant_id="acme", term=Term(time_zone="Asia/Tbilisi"))
    evening = datetime(2026, 1, 10, 21, 0, tzinfo=UTC)
    take_payment(subscription, an_order(), evening)
    changes.schedule(subscription, a_plan(package_id=1), evening, date(2026, 2, 11))
    assert [change.period for change in subscription.changes] == [1]
    changes.schedule(subscription, a_plan(package_id=1, seats=2), evening, date(2026, 2, 12))
    assert [change.period for change in subscription.changes] == [1, 2]


def test_a_preview_of_what_is_cheaper_begins_where_the_paid_time_ends() -> None:
    subscription = running()
    cheaper, dearer = a_plan(package_id=1), a_plan(package_id=1, seats=5)
    later = offers.preview(subscription, cheaper, LATER)
    assert (later.plan, later.is_immediate, later.extra_days) == (cheaper, False, 0)
    assert later.effective_at == later.paid_until == subscription.paid_until
    sooner = offers.preview(subscription, dearer, LATER)
    assert (sooner.plan, sooner.is_immediate, sooner.effective_at) == (dearer, True, LATER)
    with pytest.raises(ChangeRefused, match="The subscription runs in GEL: a change keeps the currency"):
        offers.preview(subscription, plan(catalogue(), Selection(package_id=1), Currency.EUR), LATER)


@pytest.mark.parametrize(
    ("purpose", "period", "state"),
    [
        (Purpose.RENEWAL, 1, SubscriptionState.ACTIVE),
        (Purpose.RENEWAL, None, SubscriptionState.ACTIVE),
        (Purpose.MANUAL, 2, SubscriptionState.ACTIVE),
        (Purpose.RENEWAL, 2, SubscriptionState.SUSPENDED),
        (Purpose.RENEWAL, 2, SubscriptionState.CANCELLED),
    ],
)
def test_a_decline_of_another_period_changes_nothing(
    purpose: Purpose, period: int | None, state: SubscriptionState
) -> None:
    subscription = running(periods=2)
    subscription.state = state
    before = copy(subscription)
    order = an_order(order_id="REN-000000000009", purpose=purpose, period=period)
    assert take_decline(subscription, order, "116", RetryAdvice.LATER, RenewalPolicy(), LATER) == []
    assert subscription == before


def test_past_due_states_the_reason_and_the_next_retry() -> None:
    subscription = running(periods=2)
    order = an_order(order_id="REN-000000000009", purpose=Purpose.RENEWAL, period=2)
    (event,) = take_decline(subscription, order, "116", RetryAdvice.LATER, RenewalPolicy(), LATER)
    assert isinstance(event, SubscriptionPastDue)
    assert (event.code, event.retry_at) == ("116", subscription.dunning.retry_at)
    assert subscription.dunning.retry_at is not None


def test_a_period_paid_twice_is_refunded_under_a_derived_key_and_ends_the_charge_in_progress() -> None:
    subscription, twice = running(), paid()
    subscription.dunning = subscription.dunning.charging(0)
    (event,) = take_payment(subscription, twice, LATER)
    assert isinstance(event, OrderMismatch)
    assert [one.id for one in twice.refunds] == [derived_key(twice.idempotency_key, "paid twice")]
    assert (subscription.dunning.charged_period, twice.check_at) == (None, LATER)
    other = running()
    other.dunning = other.dunning.charging(1)
    take_payment(other, paid(), LATER)
    assert other.dunning.charged_period == 1
