"""What the admin shows: lists as rows, and one thing as facts with tables below."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from django.utils import timezone

from echodesk_billing.application.errors import CustomerNotFound, OrderNotFound
from echodesk_billing.application.lists import ListPage
from echodesk_billing.container import Container
from echodesk_billing.django.admin_parts import Cell, Details, Filter, Link, Listing, Section
from echodesk_billing.django.runtime import runtime
from echodesk_billing.domain.customers.card import Card
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints import order_history
from echodesk_billing.face.base import operator
from echodesk_billing.ports.storage import InboxEntry

T = TypeVar("T")


TENANT = Filter(title="Tenant")


def _use(work: Callable[[Container], Coroutine[Any, Any, T]]) -> T:
    return runtime().use(work)


def _moment(at: datetime | None) -> str:
    return f"{timezone.localtime(at):%Y-%m-%d %H:%M}" if at else ""


def _number(text: str) -> int:
    """An id in an address.

    Raises:
        ValueError: it is none.
    """
    if not text.isdecimal() or len(text) > 18:  # noqa: PLR2004 - digits of 64 bits
        raise ValueError(f"{text[:20]!r} is not a number")
    return int(text)


def _tenant(name: str) -> Link:
    return Link(text=name, model="subscription", id=name)


def _order(order_id: str) -> Link:
    return Link(text=order_id, model="order", id=order_id)


def _listing(
    page: ListPage[T], columns: Sequence[str], row: Callable[[T], Sequence[Cell]], **filters: Filter
) -> Listing:
    return Listing(columns=columns, rows=[row(one) for one in page.items], next=page.next, filters=filters)


def customers(asked: dict[str, str]) -> Listing:
    """Customers by id."""
    return _listing(
        _use(lambda container: container.lists().customers(asked.get("after", ""))),
        ("Tenant", "Name", "Legal name", "Code", "Since"),
        lambda one: (
            Link(text=one.tenant_id, model="customer", id=one.tenant_id),
            one.name,
            one.profile.legal_name,
            one.profile.identification_code,
            _moment(one.created_at),
        ),
    )


def customer(tenant_id: str) -> Details | None:
    """A customer with its billing profile."""
    try:
        one = _use(lambda container: container.customers().show(tenant_id))
    except CustomerNotFound:
        return None
    profile = one.profile
    return Details(
        id=tenant_id,
        title=one.name,
        facts=(
            ("Tenant", tenant_id),
            ("Subscription", _tenant(tenant_id)),
            ("Subdomain", one.host_label),
            ("Legal name", profile.legal_name),
            ("Identification code", profile.identification_code),
            ("VAT payer", "yes" if profile.is_vat_payer else "no"),
            ("Address", profile.address),
            ("E-mails", ", ".join(profile.emails)),
            ("Language", profile.language),
            ("Customer since", _moment(one.created_at)),
            ("Imported", _moment(one.imported_at)),
        ),
    )


def subscriptions(asked: dict[str, str]) -> Listing:
    """Subscriptions by tenant."""
    state = SubscriptionState(asked["state"]) if asked.get("state") else None
    choices = [("", "all"), *((one.value, one.value.replace("_", " ")) for one in SubscriptionState)]
    return _listing(
        _use(lambda container: container.lists().subscriptions(state, asked.get("after", ""))),
        ("Tenant", "State", "Plan", "Seats", "Price", "Paid until", "Due"),
        lambda one: (
            _tenant(one.tenant_id),
            one.state,
            one.plan.name if one.plan else "",
            str(one.plan.selection.seats) if one.plan else "",
            str(one.plan.price) if one.plan else "",
            _moment(one.paid_until),
            _moment(one.due_at),
        ),
        state=Filter(title="State", choices=choices),
    )


def subscription(tenant_id: str) -> Details | None:
    """A subscription with its cards, orders and invoices."""
    return _use(lambda container: _subscription(container, tenant_id))


async def _subscription(container: Container, tenant_id: str) -> Details | None:
    one = await container.storage().read(lambda uow: uow.subscriptions.get(tenant_id))
    if one is None:
        return None
    lists = container.lists()
    cards, orders = await lists.cards(tenant_id), await lists.orders(tenant_id)
    invoices = await lists.invoices(tenant_id)
    events = await container.storage().read(lambda uow: uow.outbox.latest(tenant_id, 50))
    return Details(
        id=tenant_id,
        title=tenant_id,
        facts=_facts(one, await container.clock().now()),
        sections=(
            Section(
                title="Cards",
                columns=("Card", "May be charged", "Default", "State"),
                rows=[_card_row(card) for card in cards.items],
            ),
            Section(
                title="Orders",
                columns=("Order", "State", "Amount", "Created", "Needs attention"),
                rows=[
                    (_order(o.id), o.state, str(o.amount), _moment(o.created_at), "; ".join(o.attention))
                    for o in orders.items
                ],
            ),
            Section(
                title="Invoices",
                columns=("Invoice", "Amount", "Issued"),
                rows=[
                    (Link(text=i.number, model="invoice", id=str(i.id)), str(i.amount), _moment(i.issued_at))
                    for i in invoices.items
                ],
            ),
            Section(
                title="Events",
                columns=("When", "Event", "By"),
                rows=[(_moment(event.at), event.name, event.by) for event in reversed(events)],
            ),
        ),
    )


def _facts(one: Subscription, now: datetime) -> list[tuple[str, Cell]]:
    plan = one.plan
    return [
        ("Customer", Link(text=one.tenant_id, model="customer", id=one.tenant_id)),
        ("State", one.state),
        ("Access", "yes" if one.has_access(now) else "no"),
        ("Plan", f"{plan.name}, {plan.selection.seats} seats" if plan else "none"),
        (
            "Price",
            f"{plan.price} for {plan.interval} months"
            if plan and plan.interval > 1
            else str(plan.price)
            if plan
            else "",
        ),
        ("Paid until", _moment(one.paid_until)),
        ("Access until", _moment(one.access_until)),
        ("Declined charges", str(one.dunning.failures)),
        ("Tried again", _moment(one.dunning.retry_at)),
        ("Due next", _moment(one.due_at)),
        *(
            ("Changes to", f"{change.plan.name}, {change.plan.price}, from period {change.period}")
            for change in one.changes
        ),
    ]


def orders(asked: dict[str, str]) -> Listing:
    """Orders, newest first."""
    attention = asked.get("attention") == "1"
    page = _use(
        lambda container: container.lists().orders(
            asked.get("tenant") or None, attention=attention, before=asked.get("after", "")
        )
    )
    return _listing(
        page,
        ("Order", "Tenant", "State", "Amount", "Captured", "Created", "Needs attention"),
        lambda one: (
            _order(one.id),
            _tenant(one.tenant_id),
            one.state,
            str(one.amount),
            str(one.captured or ""),
            _moment(one.created_at),
            "; ".join(one.attention),
        ),
        tenant=TENANT,
        attention=Filter(title="Which", choices=(("", "all"), ("1", "needs attention"))),
    )


def order(order_id: str) -> Details | None:
    """An order with its history."""
    try:
        timeline = _use(lambda container: container.views().timeline(operator("admin"), order_id))
    except OrderNotFound:
        return None
    one = timeline.order
    facts: list[tuple[str, Cell]] = [
        (name.capitalize(), _tenant(value) if name == "tenant" else value) for name, value in order_history.facts(one)
    ]
    rows = [(_moment(step.at), step.what, step.detail) for step in order_history.happenings(timeline)]
    return Details(
        id=one.id,
        title=one.id,
        facts=facts,
        warnings=one.attention,
        sections=(Section(title="Timeline", columns=("When", "What", "Detail"), rows=rows),),
    )


def invoices(asked: dict[str, str]) -> Listing:
    """Invoices, newest first."""
    before = _number(asked["after"]) if asked.get("after") else 0
    return _listing(
        _use(lambda container: container.lists().invoices(asked.get("tenant") or None, before)),
        ("Invoice", "Tenant", "Buyer", "Amount", "Issued", "Order"),
        lambda one: (
            Link(text=one.number, model="invoice", id=str(one.id)),
            _tenant(one.tenant_id),
            one.buyer,
            str(one.amount),
            _moment(one.issued_at),
            _order(one.order_id),
        ),
        tenant=TENANT,
    )


def invoice(invoice_id: str) -> Details | None:
    """An invoice."""
    if not invoice_id.isdecimal() or len(invoice_id) > 18:  # noqa: PLR2004 - digits of 64 bits
        return None
    one = _use(lambda container: container.storage().read(lambda uow: uow.books.invoice(int(invoice_id), None)))
    if one is None:
        return None
    return Details(
        id=invoice_id,
        title=one.number,
        facts=(
            ("Number", one.number),
            ("Tenant", _tenant(one.tenant_id)),
            ("Buyer", one.buyer),
            ("Amount", str(one.amount)),
            ("For", one.description),
            ("Seats", str(one.seats or "")),
            ("Issued", _moment(one.issued_at)),
            ("Order", _order(one.order_id)),
            ("PDF elsewhere", one.external_url),
        ),
    )


def _card_row(card: Card) -> Sequence[Cell]:
    name = card.masked_number or f"the card of {card.order_id}"
    return (
        Link(text=name, model="card", id=str(card.id)),
        str(card.mandate) if card.kind == "automatic" else "with the customer present",
        "yes" if card.is_default else "",
        card.state,
    )


def cards(asked: dict[str, str]) -> Listing:
    """Saved cards, newest first, removed ones too."""
    before = _number(asked["after"]) if asked.get("after") else 0
    return _listing(
        _use(lambda container: container.lists().cards(asked.get("tenant") or None, before)),
        ("Card", "May be charged", "Default", "State", "Tenant", "Saved"),
        lambda one: (*_card_row(one), _tenant(one.tenant_id), _moment(one.saved_at)),
        tenant=TENANT,
    )


def card(card_id: str) -> Details | None:
    """A saved card; its number is masked, as the bank sends it."""
    if not card_id.isdecimal() or len(card_id) > 18:  # noqa: PLR2004 - digits of 64 bits
        return None
    page = _use(lambda container: container.lists().cards(None, int(card_id) + 1))
    one = next((found for found in page.items if found.id == int(card_id)), None)
    if one is None:
        return None
    return Details(
        id=card_id,
        title=one.masked_number or f"the card of {one.order_id}",
        facts=(
            ("Number", one.masked_number),
            ("Brand", one.brand),
            ("Expiry", one.expiry),
            ("Tenant", _tenant(one.tenant_id)),
            ("Kind", one.kind),
            ("May be charged", str(one.mandate)),
            ("Default", "yes" if one.is_default else "no"),
            ("State", one.state),
            ("Saved", _moment(one.saved_at)),
            ("Saved by", _order(one.order_id)),
        ),
    )


def callbacks(asked: dict[str, str]) -> Listing:
    """Callbacks that changed nothing, newest first."""
    before = datetime.fromisoformat(asked["after"]) if asked.get("after") else None
    return _listing(
        _use(lambda container: container.lists().callbacks(before)),
        ("Received", "Signature", "Outcome", "Order", "Digest"),
        _callback_row,
    )


def _callback_row(one: InboxEntry) -> Sequence[Cell]:
    order: Cell = _order(one.order_id) if one.order_id else ""
    return _moment(one.at), one.verdict, one.outcome, order, Link(text=one.digest[:12], model="callback", id=one.digest)


def callback(digest: str) -> Details | None:
    """What was received with one digest of its body."""
    found: Iterable[InboxEntry] = _use(
        lambda container: container.storage().read(lambda uow: uow.inbox.of_digest(digest))
    )
    rows = [(_moment(one.at), one.verdict, one.outcome, _order(one.order_id) if one.order_id else "") for one in found]
    if not rows:
        return None
    section = Section(title="Received", columns=("When", "Signature", "Outcome", "Order"), rows=rows)
    return Details(id=digest, title=digest[:12], facts=(("SHA-256 of the body", digest),), sections=(section,))
