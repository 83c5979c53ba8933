"""What must hold, whatever happens. The numbers are those of docs/reliability.md."""

from __future__ import annotations

import copy
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from echodesk_billing.adapters.memory.contents import Contents
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.domain.accounting import journal as books
from echodesk_billing.domain.customers.card import CardState
from echodesk_billing.domain.events import OrderCompleted, OrderCorrected
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.notifications.mail import MailState
from echodesk_billing.domain.notifications.webhook import Delivery, DeliveryState
from echodesk_billing.domain.orders import contested, refund
from echodesk_billing.domain.orders.lifecycle import ORDER_TRANSITIONS, OrderState, order_path
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import RefundState
from echodesk_billing.domain.orders.report import BankStatus
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.ports.storage import UnitOfWork
from tests.builders import NOW
from tests.simulation.notifications import ENDPOINTS
from tests.simulation.steps import at_once
from tests.simulation.system import ZONE

if TYPE_CHECKING:
    from tests.simulation.run import Simulation

_ALLOWED = {(row.source, row.target, row.event) for row in ORDER_TRANSITIONS}
EXPLAINED = ("refund ", "the bank holds money", contested.REFUNDED_OUTSIDE, contested.DISPUTED)
_ZERO = Money.zero(Currency.GEL)
_S = SubscriptionState


def is_kept(order: Order) -> bool:
    """Whether the money of an order was kept for what it bought."""
    return order.captured is not None and not order.is_given_back


def while_running(simulation: Simulation) -> list[str]:
    """What holds at every moment."""
    orders = simulation.orders()
    return [
        *_one_charge_per_order(simulation),
        *_one_payment_per_period(orders),
        *_one_order_per_double_click(simulation, orders),
        *_states_move_by_the_table(simulation, orders),
        *_access(simulation),
        *_anchors_stay(simulation),
        *_refunds_are_bounded(orders),
        *_refunds_were_asked_for(simulation, orders),
        *_books(simulation, orders),
        *_somebody_will_look(simulation),
        *_no_late_charges(simulation),
        *_everybody_has_a_name(simulation, orders),
        *_strangers_show_nowhere(simulation, orders),
    ]


def at_the_end(simulation: Simulation) -> list[str]:
    """What holds once faults have stopped and time has moved on."""
    orders = simulation.orders()
    return [
        *_money_agrees(simulation, orders),
        *_nothing_hides(simulation, orders),
        *_what_the_bank_gave_back_is_told(simulation, orders),
        *_no_outcome_is_unknown(simulation, orders),
        *_events_were_delivered(simulation),
        *_payments_were_told(simulation, orders),
        *_no_secret(simulation),
        *_history_follows_the_table(simulation, orders),
        *_no_card_of_what_was_refunded(simulation, orders),
        *_coupons_are_used_once(orders),
        *_figures_are_those_of_the_events(simulation),
        *_everybody_was_notified(simulation),
    ]


def _coupons_are_used_once(orders: list[Order]) -> Iterator[str]:
    """15. A customer's money buys with a coupon once; a transfer always buys something."""
    kept = Counter((one.tenant_id, one.request.coupon) for one in orders if one.request.coupon and is_kept(one))
    for (tenant, code), number in kept.items():
        if number > 1:
            yield f"15: {tenant} used {code} {number} times"
    for order in orders:
        if order.request.transfer is not None and (order.is_given_back or order.captured is None):
            yield f"15: the transfer {order.id} buys nothing"
    paid = Counter(one.request.transfer.proforma for one in orders if one.request.transfer is not None)
    for number, times in paid.items():
        if times > 1:
            yield f"15: {number} was paid {times} times"


def _figures_are_those_of_the_events(simulation: Simulation) -> Iterator[str]:
    """16. The figures that were kept are those of all events, and money in them is that of the journal."""
    figures = BusinessFigures(simulation.database.memory, ZONE)
    at_once(figures.count())
    for one in at_once(figures.verify()):
        yield f"16: {one.figure} is {one.kept}, by the events {one.counted}"
    entries = [one for _, one in simulation.database.read(_all_entries)]
    for one in at_once(figures.read()):
        for name, kind in (("captured", books.EntryKind.PAYMENT), ("refunded", books.EntryKind.REFUND)):
            said = sum((getattr(month, name) for month in one.months), _ZERO)
            booked = sum((entry.amount for entry in entries if entry.kind is kind), _ZERO)
            if said != booked:
                yield f"16: {name} is {said}, in the journal {booked}"


def _all_entries(uow: UnitOfWork) -> Sequence[tuple[int, books.Entry]]:
    return uow.books.entries_between(NOW - timedelta(days=4000), NOW + timedelta(days=40_000), 0, 100_000)


def _one_charge_per_order(simulation: Simulation) -> Iterator[str]:
    """2. At most one successful charge per order."""
    for kept in simulation.bank.orders.values():
        if kept.charges > 1:
            yield f"2: {kept.external_id} was charged {kept.charges} times"
    named = Counter(kept.external_id for kept in simulation.bank.orders.values())
    for order_id, number in named.items():
        if number > 1:
            yield f"2: the bank has {number} orders for {order_id}"


def _one_payment_per_period(orders: list[Order]) -> Iterator[str]:
    """2. At most one paid order per subscription and period is kept."""
    kept = Counter((order.tenant_id, order.period) for order in orders if order.plan and is_kept(order))
    for (tenant, period), number in kept.items():
        if number > 1:
            yield f"2: {tenant} paid period {period} {number} times"


def _one_order_per_double_click(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """2. An order that waits for its payment page is used again, so there are never two equal ones.

    A registration whose payload was erased is none that could be used again.
    """
    registrations = simulation.registrations()
    registered = {one.order_id: (one.applicant, one.sealed_payload is not None) for one in registrations}
    waiting = [order for order in orders if order.is_open and order.payment_url is None and _is_paid_on_a_page(order)]
    asked = [
        (order.tenant_id, order.purpose, order.plan, order.period, order.request, registered.get(order.id))
        for order in waiting
    ]
    for place, order in enumerate(waiting):
        if asked[place] in asked[:place]:
            yield f"2: {order.tenant_id} asked twice for what {order.id} is for"


def _is_paid_on_a_page(order: Order) -> bool:
    return order.request.transfer is None and not order.request.is_automatic


def _states_move_by_the_table(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """3. No state moves against the table, and no payment is lost."""
    for order in orders:
        before = simulation.states.get(order.id)
        if before is not None and before is not order.state and not order_path(before, order.state):
            yield f"3: {order.id} went from {before} to {order.state}"
        simulation.states[order.id] = order.state


def _access(simulation: Simulation) -> Iterator[str]:
    """4. Access exactly while paid, in trial, or in grace."""
    now = simulation.clock.moment
    for tenant in {order.tenant_id for order in simulation.orders()}:
        subscription = simulation.database.read(lambda uow, tenant=tenant: uow.subscriptions.get(tenant))
        if subscription is None:
            continue
        until, state = subscription.paid_until, subscription.state
        if until is None or state in (_S.SUSPENDED, _S.PAUSED, _S.ENDED, _S.INCOMPLETE):
            expected = False
        elif state in (_S.ACTIVE, _S.PAST_DUE):
            expected = now < max(until, subscription.dunning.first_failed_at or until) + subscription.grace
        else:
            expected = now < until
        if subscription.has_access(now) is not expected:
            yield f"4: {tenant} is {state} with access {not expected}"


def _anchors_stay(simulation: Simulation) -> Iterator[str]:
    """4. A cycle does not drift: an anchor stays once a period is paid from it; before that it may move."""
    for tenant in {order.tenant_id for order in simulation.orders()}:
        now = simulation.database.read(lambda uow, tenant=tenant: uow.subscriptions.get(tenant))
        before = simulation.anchors.get(tenant)
        same_count = before is not None and before.term.anchor_period == now.term.anchor_period
        is_used = before is not None and before.next_period > before.term.anchor_period
        if same_count and is_used and now.anchor != before.anchor:
            yield f"4: the anchor of {tenant} moved from {before.anchor} to {now.anchor}"
        simulation.anchors[tenant] = copy.copy(now)


def _refunds_are_bounded(orders: list[Order]) -> Iterator[str]:
    """1. No more is asked back, or goes back, than was paid.

    What the bank's office refunded may have been taken for a refund of ours that failed, with the same amount.
    """
    for order in orders:
        ours = [one for one in order.refunds if one.asked_at and not (one.action_id or "").startswith("office")]
        asked = refund.total(ours, order.amount.currency, RefundState.REQUESTED, RefundState.COMPLETED)
        if max(asked, order.refunded) > (order.captured or _ZERO):
            yield f"1: {asked} is asked back of {order.captured} of {order.id}"


def _refunds_were_asked_for(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """1. Nothing is refunded that nobody asked for, here or at the bank's office."""
    for order in orders:
        for one in order.refunds:
            if one.asked_at is None and not _offices(simulation, order):
                yield f"1: {one.amount} of {order.id} was refunded, and nobody asked for it"


def _offices(simulation: Simulation, order: Order) -> bool:
    """Whether the bank's office refunded a part of it."""
    kept = simulation.kept(order)
    return kept is not None and any(one.action_id.startswith("office-") for one in kept.refunds)


def _books(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """1, 6. Our books are our orders; invoices have no gap and no repeat."""
    for account in (books.BANK, books.TRANSFERS):
        mine = [order for order in orders if books.account_of(order) == account]
        ours = sum(((order.captured or _ZERO) - order.refunded for order in mine), _ZERO)
        balance = simulation.database.read(lambda uow, of=account: uow.books.balance(of))
        if ours != balance.get(Currency.GEL, _ZERO):
            yield f"1: orders hold {ours}, the account {account} {balance}"
    invoices = simulation.database.read(lambda uow: uow.books.invoices_of(None, 10_000))
    notes = simulation.database.read(lambda uow: uow.books.credit_notes_of(None, 10_000))
    documents = [*invoices, *notes]
    for series in {one.series for one in documents}:
        serials = sorted(one.serial for one in documents if one.series == series)
        if serials != list(range(1, len(serials) + 1)):
            yield f"6: {series} has {serials}"
    bought = [order for order in orders if order.captured is not None and order.purpose is not Purpose.CARD]
    if Counter(invoice.order_id for invoice in invoices) != Counter(order.id for order in bought):
        yield "6: invoices are not of the paid orders"
    for order in bought:
        returned = sum((note.amount for note in notes if note.order_id == order.id), _ZERO)
        if returned != order.refunded:
            yield f"6: {order.refunded} of {order.id} was refunded, the credit notes say {returned}"
    vat = sum((one.details.vat or _ZERO for one in invoices), _ZERO) - sum((one.vat or _ZERO for one in notes), _ZERO)
    booked = simulation.database.read(lambda uow: uow.books.balance(books.VAT)).get(Currency.GEL, _ZERO)
    if _ZERO - booked != vat:
        yield f"6: the documents hold {vat} of VAT, the books {booked}"


def _money_agrees(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """1. What the bank holds is what our orders say, one by one and in sum; transfers are none of its business."""
    orders = [order for order in orders if order.request.transfer is None]
    for order in orders:
        kept = simulation.kept(order)
        theirs = kept.net if kept else _ZERO
        ours = (order.captured or _ZERO) - order.refunded
        if theirs != ours:
            yield f"1: {order.id} is {order.state} with {ours} here, {theirs} at the bank"
    total = sum((kept.net for kept in simulation.bank.orders.values()), _ZERO)
    ours = sum(((order.captured or _ZERO) - order.refunded for order in orders), _ZERO)
    if total != ours:
        yield f"1: the bank holds {total}, our orders {ours}"


def _nothing_hides(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """3. No rejected order hides money."""
    for order in orders:
        kept = simulation.kept(order)
        is_marked = kept is not None and kept.status is BankStatus.BLOCKED and (order.attention or order.resolved)
        if order.state is OrderState.REJECTED and kept and kept.transferred is not None and not is_marked:
            yield f"3: {order.id} is rejected and hides {kept.transferred}"


def _what_the_bank_gave_back_is_told(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """14. Refunds of the bank's office and disputes reached a person, and our own refunds did not.

    One of the office that has the amount of ours may be taken for it, or the other way round.
    """
    for order in orders:
        reasons = (*order.attention, *order.resolved)
        told, disputed = (
            any(one.startswith(start) for one in reasons) for start in (contested.REFUNDED_OUTSIDE, contested.DISPUTED)
        )
        known = any(one.asked_at is None for one in order.refunds)
        kept = simulation.kept(order)
        if (told and not _offices(simulation, order)) or (known and not told):
            yield f"14: {order.id}: told {told} of refunds at the office"
        if kept is not None and kept.disputed is not disputed:
            yield f"14: {order.id}: disputed {kept.disputed} at the bank, {disputed} here"


def _no_outcome_is_unknown(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """7. No order nobody knows of, no refund that hangs, no event that was not delivered, no wrong attention."""
    for order in orders:
        kept = simulation.kept(order)
        waits_for_customer = order.state is OrderState.PROCESSING and kept is not None and kept.is_payable
        if order.is_open and not waits_for_customer and not _nobody_knows(simulation, order):
            yield f"7: {order.id} is still {order.state}"
        if order.pending_refunds:
            yield f"7: {order.id} waits for refunds"
        for reason in order.attention:
            if not reason.startswith(EXPLAINED) and not _nobody_knows(simulation, order):
                yield f"7: {order.id} needs a person: {reason}"
    now = simulation.clock.moment
    for subscription in simulation.database.read(lambda uow: uow.subscriptions.due(now, 1000)):
        yield f"7: the subscription of {subscription.tenant_id} is still due since {subscription.due_at}"
    if cards := simulation.database.read(lambda uow: uow.cards.forgetting(simulation.clock.moment, 100)):
        yield f"7: {len(cards)} cards are still to be forgotten"


def _nobody_knows(simulation: Simulation, order: Order) -> bool:
    """Whether it is a charge that never reached the bank and is too old to be asked for: a person has to look."""
    return order.state is OrderState.CREATED and order.request.is_automatic and simulation.kept(order) is None


def _somebody_will_look(simulation: Simulation) -> Iterator[str]:
    """10. A subscription that owes something, or will, is looked at."""
    for tenant in simulation.database.read(lambda uow: uow.subscriptions.never_due(10)):
        yield f"10: nobody will look at the subscription of {tenant}"


def _no_late_charges(simulation: Simulation) -> Iterator[str]:
    """11. No card is charged after its owner asked for its removal."""
    for order_id in simulation.bank.late_charges:
        yield f"11: {order_id} charged a card after its owner asked for its removal"


def _no_card_of_what_was_refunded(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """11. No card is kept, here or at the bank, from a payment that was refunded."""
    for order in orders:
        refunded = order.is_given_back or order.state is OrderState.REFUNDED
        kept, card = simulation.kept(order), simulation.database.read(lambda uow, o=order: uow.cards.of_order(o.id))
        if not refunded or order.purpose is Purpose.CARD:
            continue
        if kept is not None and kept.has_card:
            yield f"11: the bank keeps the card of {order.id}, which was refunded"
        if card is not None and card.state is not CardState.FORGOTTEN:
            yield f"11: the card of {order.id} is {card.state}, and the payment was refunded"


def _everybody_has_a_name(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """12. Every act of an operator says who it was."""
    acts = ("refund_requested", "resolved", "capture_accepted", "release_accepted")
    for order in orders:
        by_itself = order.is_given_back or order.purpose is Purpose.CARD
        for step in simulation.database.read(lambda uow, order=order: uow.orders.history(order.id)):
            if step.event in acts and not step.by and not by_itself:
                yield f"12: nobody did {step.event} to {order.id}"


def _strangers_show_nowhere(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """13. What an anonymous caller writes shows on no invoice, renewal or page of somebody else."""
    text, memory = "Buy cheap pills", simulation.database.memory._memory
    for invoice in memory.invoices:
        if text in (invoice.buyer + invoice.description):
            yield f"13: a stranger's text is on {invoice.number}"
    for one in memory.customers.values():
        if text in one.name:
            yield f"13: a stranger named {one.tenant_id}"
    for order in orders:
        if order.purpose is not Purpose.REGISTRATION and text in order.request.description:
            yield f"13: a stranger's text is on the page of {order.id}"


def _events_were_delivered(simulation: Simulation) -> Iterator[str]:
    """5. Every event at least once, in order per tenant."""
    recorded: dict[str, list[str]] = defaultdict(list)
    for sent in simulation.database.memory._memory.outbox:
        recorded[sent.event.tenant_id].append(sent.event.id)
    seen: dict[str, list[str]] = defaultdict(list)
    for event in simulation.sink.seen:
        if event.id not in seen[event.tenant_id]:
            seen[event.tenant_id].append(event.id)
    for tenant, ids in recorded.items():
        told = set(ids)  # events of unpaid registrations are deleted with them
        if [one for one in seen[tenant] if one in told] != ids:
            missing = [one for one in ids if one not in seen[tenant]]
            yield f"5: {tenant} misses {len(missing)} events, or has them in another order"


def _everybody_was_notified(simulation: Simulation) -> Iterator[str]:
    """17. Nothing to be sent is lost, webhooks keep the order of a tenant's events, and nothing known is repeated."""
    yield from simulation.post.wrongs
    memory = simulation.database.memory._memory
    for mail in memory.mails.values():
        is_later = mail.state is MailState.WAITING and mail.attempts > 0
        if not is_later and mail.state in (MailState.WAITING, MailState.SENDING):
            yield f"17: {mail.id} is {mail.state} at the end"
        if mail.state is MailState.SENT and mail.id not in simulation.post.mails:
            yield f"17: {mail.id} is said to be sent, and nobody has got it"
    for delivery in memory.deliveries:
        if delivery.state is DeliveryState.WAITING and not delivery.tries and not _is_behind(memory, delivery):
            yield f"17: {delivery.message_id} was never sent to {delivery.endpoint_id}"
    for name in ENDPOINTS if simulation.is_notified else ():
        yield from _endpoint_got_its_events(simulation, memory, name)


def _endpoint_got_its_events(simulation: Simulation, memory: Contents, name: str) -> Iterator[str]:
    """Old deliveries have been pruned: what was received counts for them."""
    if memory.endpoints[name].disabled_at is not None:
        yield f"17: {name} is disabled, though its failures end"
    recorded = {sent.event.id for sent in memory.outbox if ENDPOINTS[name] in ("", sent.event.tenant_id)}
    sent = [(one.lane, one.message_id) for one in memory.deliveries if one.endpoint_id == name]
    got = list(dict.fromkeys(simulation.post.hooks.get(name, [])))
    if missing := recorded - {message for _, message in [*sent, *got]}:
        yield f"17: {len(missing)} events were never announced to {name}"
    for lane in {lane for lane, _ in got}:
        order = [message for of, message in sent if of == lane]
        first = [message for of, message in got if of == lane and message in order]
        if first != [message for message in order if message in first]:
            yield f"17: {name} gets the events of {lane} in another order"


def _is_behind(memory: Contents, delivery: Delivery) -> bool:
    """Whether another delivery of its lane is tried again first."""
    lane = [one for one in memory.deliveries if (one.endpoint_id, one.lane) == (delivery.endpoint_id, delivery.lane)]
    head = next(one for one in lane if one.state is DeliveryState.WAITING)
    return bool(head.tries)


def _payments_were_told(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """5. What was committed was told: each paid order has exactly one event that says so."""
    told = Counter(
        event.order_id
        for event in {one.id: one for one in simulation.sink.seen}.values()
        if isinstance(event, OrderCompleted | OrderCorrected)
    )
    for order in orders:
        if order.captured is not None and told[order.id] != 1:
            yield f"5: {order.id} is paid, and {told[order.id]} events say so"


def _no_secret(simulation: Simulation) -> Iterator[str]:
    """9. What was entrusted to us is nowhere in clear."""
    if "s3cr3t" in repr(simulation.database.memory._memory):
        yield "9: a registration's payload is stored in clear"
    if any("s3cr3t" in repr(event) for event in simulation.sink.seen):
        yield "9: a registration's payload is in an event"


def _history_follows_the_table(simulation: Simulation, orders: list[Order]) -> Iterator[str]:
    """3. Every recorded step is a row of the table."""
    for order in orders:
        for step in simulation.database.read(lambda uow, order=order: uow.orders.history(order.id)):
            moved = step.before and step.before != step.after
            if moved and (OrderState(step.before), OrderState(step.after), step.event) not in _ALLOWED:
                yield f"3: {order.id} made the step {step.before} → {step.after} by {step.event}"
