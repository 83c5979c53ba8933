"""The lists of the console: each a page at a time, found by an index, with filters and links."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode

from attrs import frozen
from markupsafe import Markup

from echodesk_billing.application.lists import ListPage
from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.customers.tenant import tenant_id as check_tenant_id
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import Event, OrderEvent
from echodesk_billing.domain.notifications.mail import Mail, MailState
from echodesk_billing.domain.notifications.webhook import Delivery, Endpoint
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.console.rendering import written
from echodesk_billing.entrypoints.console.visit import Visit, Visitor, address
from echodesk_billing.entrypoints.http.calls import whole_number
from echodesk_billing.entrypoints.http.message import Response
from echodesk_billing.ports.storage import InboxEntry

T = TypeVar("T")
GOOD = ("completed", "active", "sent", "delivered", "trialing")
BAD = ("rejected", "suspended", "failed", "refused", "given up")
ATTENTION = "attention"


@frozen
class Cell:
    """A cell of a list.

    Args:
        href: where it leads; empty for plain text.
        badge: `good`, `bad` or `calm` for a state; empty otherwise.
    """

    text: str
    href: str = ""
    badge: str = ""


@frozen(kw_only=True)
class Filter:
    """A filter of a list: a choice, or a text where there are no choices."""

    name: str
    label: str
    chosen: str
    choices: Sequence[tuple[str, str]] = ()


def order_link(order_id: str | None) -> Cell:
    """A link to an order."""
    return Cell(order_id, address("orders", order_id)) if order_id else Cell("")


def customer_link(tenant_id: str) -> Cell:
    """A link to a customer."""
    return Cell(tenant_id, address("customers", tenant_id)) if tenant_id else Cell("")


def event_name(visit: Visit, name: str) -> str:
    """What an event is called; in English its own name, as words."""
    spaced = re.sub(r"(?<!^)([A-Z])", r" \1", name).capitalize()
    return visit.words.get(f"event_{name}", "") or spaced


def badge(state: str, label: str) -> Cell:
    """A state."""
    return Cell(label, badge="good" if state in GOOD else "bad" if state in BAD else "calm")


def order_row(visit: Visit, order: Order) -> list[Cell]:
    """An order in a list."""
    said = visit.words
    return [
        order_link(order.id),
        customer_link(order.tenant_id),
        badge(order.state, said[f"order_{order.state}"]),
        Cell(str(order.amount)),
        Cell(said[f"purpose_{order.purpose}"]),
        Cell(order.response_code or ""),
        Cell(_at(visit, order.created_at)),
    ]


ORDER_COLUMNS = ("order", "customer", "state", "amount", "purpose", "code", "created")


async def customers(visit: Visit) -> Response:
    """`GET /console/customers`."""
    asked = visit.asked("q")
    if asked:
        found = await visit.uses.operator_views.search(asked)
        page: ListPage[Customer] = ListPage(found.customers)
    else:
        page = await visit.uses.lists.customers(visit.asked("cursor"))
    columns = ("customer", "name", "legal_name", "identification_code", "customer_since")
    return _list(
        visit,
        "customers",
        columns,
        page,
        lambda one: [
            customer_link(one.tenant_id),
            Cell(one.name),
            Cell(one.profile.legal_name),
            Cell(one.profile.identification_code),
            Cell(_at(visit, one.created_at)),
        ],
        Filter(name="q", label=visit.words["search"], chosen=asked),
    )


async def subscriptions(visit: Visit) -> Response:
    """`GET /console/subscriptions`."""
    said, state = visit.words, _choice(visit, "state", SubscriptionState)
    page = await visit.uses.lists.subscriptions(state, visit.asked("cursor"))

    def row(one: Subscription) -> list[Cell]:
        plan = one.plan
        return [
            customer_link(one.tenant_id),
            badge(one.state, said[f"state_{one.state}"]),
            Cell(plan.name if plan else ""),
            Cell(str(plan.selection.seats) if plan else ""),
            Cell(str(plan.price) if plan else ""),
            Cell(_at(visit, one.paid_until)),
            Cell(_at(visit, one.due_at)),
        ]

    columns = ("customer", "state", "plan", "seats", "price", "paid_until", "due")
    choices = [(one.value, said[f"state_{one}"]) for one in SubscriptionState]
    return _list(visit, "subscriptions", columns, page, row, _states(visit, choices))


async def orders(visit: Visit) -> Response:
    """`GET /console/orders`."""
    said, chosen = visit.words, visit.asked("state")
    state = None if chosen == ATTENTION else _choice(visit, "state", OrderState)
    tenant = _tenant(visit)
    page = await visit.uses.lists.orders(
        tenant, state=state, attention=chosen == ATTENTION, before=visit.asked("cursor")
    )
    choices = [(ATTENTION, said["needs_attention"]), *((one.value, said[f"order_{one}"]) for one in OrderState)]
    filters = (Filter(name="tenant", label=said["customer"], chosen=tenant or ""), _states(visit, choices))
    return _list(visit, "orders", ORDER_COLUMNS, page, lambda one: order_row(visit, one), *filters)


async def invoices(visit: Visit) -> Response:
    """`GET /console/invoices`."""
    tenant = _tenant(visit)
    page = await visit.uses.lists.invoices(tenant, _cursor_number(visit))

    def row(one: Invoice) -> list[Cell]:
        return [
            Cell(one.number),
            customer_link(one.tenant_id),
            Cell(one.buyer),
            Cell(str(one.amount)),
            order_link(one.order_id),
            Cell(_at(visit, one.issued_at)),
        ]

    columns = ("number", "customer", "buyer", "amount", "order", "issued")
    by_tenant = Filter(name="tenant", label=visit.words["customer"], chosen=tenant or "")
    return _list(visit, "invoices", columns, page, row, by_tenant)


async def mails(visit: Visit) -> Response:
    """`GET /console/mails`."""
    tenant, state = _tenant(visit), _choice(visit, "state", MailState)
    page = await visit.uses.lists.mails(tenant, state, visit.asked("cursor"))
    by_tenant = Filter(name="tenant", label=visit.words["customer"], chosen=tenant or "")
    choices = [(one.value, visit.words[f"mail_state_{one}"]) for one in MailState]
    return _list(
        visit, "mails", MAIL_COLUMNS, page, lambda one: mail_row(visit, one), by_tenant, _states(visit, choices)
    )


MAIL_COLUMNS = ("when", "kind", "customer", "address", "state", "problem")


def mail_row(visit: Visit, one: Mail) -> list[Cell]:
    """A mail in a list."""
    return [
        Cell(_at(visit, one.sent_at or one.created_at)),
        Cell(visit.words[f"mail_{one.kind}"]),
        customer_link(one.tenant_id),
        Cell(one.address),
        badge(one.state, visit.words[f"mail_state_{one.state}"]),
        Cell(one.problem),
    ]


async def webhooks(visit: Visit) -> Response:
    """`GET /console/webhooks`."""
    page = await visit.uses.lists.endpoints(visit.asked("cursor"))

    def row(one: Endpoint) -> list[Cell]:
        state = "failed" if one.disabled_at else "calm" if one.failing_since else "active"
        label = f"{one.failures} ×" if one.failing_since else ""
        return [
            Cell(one.url, address("webhooks", one.id)),
            customer_link(one.tenant_id) if one.tenant_id else Cell(visit.words["all"]),
            Cell(", ".join(one.event_types) or visit.words["all"]),
            badge(state, visit.words["endpoint_off"] if one.disabled_at else label or visit.words["endpoint_on"]),
            Cell(_at(visit, one.failing_since)),
        ]

    return _list(visit, "webhooks", ("url", "customer", "events_wanted", "state", "since"), page, row)


async def deliveries(visit: Visit) -> Response:
    """`GET /console/webhooks/<id>`."""
    endpoint_id = visit.request.parameters["endpoint_id"]
    page = await visit.uses.lists.deliveries(endpoint_id, _cursor_number(visit))

    def row(one: Delivery) -> list[Cell]:
        last = one.tries[-1] if one.tries else None
        return [
            Cell(_at(visit, one.created_at)),
            Cell(one.type),
            customer_link(one.lane),
            badge(one.state, visit.words[f"delivery_{one.state}"]),
            Cell(str(len(one.tries))),
            Cell((last.problem or str(last.status or "")) if last else ""),
        ]

    columns = ("when", "what", "customer", "state", "attempts", "problem")
    acts = [(name, f"{address('webhooks', endpoint_id)}/acts/{name}") for name in ("test", "enable", "disable")]
    return _list(visit, "deliveries", columns, page, row, acts=acts)


async def callbacks(visit: Visit) -> Response:
    """`GET /console/callbacks`."""
    page = await visit.uses.lists.callbacks(_cursor_moment(visit))

    def row(one: InboxEntry) -> list[Cell]:
        return [
            Cell(_at(visit, one.at)),
            Cell(one.outcome),
            Cell(one.verdict),
            order_link(one.order_id),
            Cell(one.digest[:16]),
        ]

    columns = ("when", "outcome", "verdict", "order", "digest")
    return _list(visit, "callbacks", columns, page, row, why="callbacks_why")


async def workers(visit: Visit) -> Response:
    """`GET /console/workers`: every chore, when it last ran, and how far behind it is."""
    states, now = await visit.uses.watch.states(), await visit.uses.clock.now()
    stalled = await visit.uses.watch.stalled()
    return visit.render("workers.html", states=states, now=now, stalled=stalled)


async def acts(visit: Visit) -> Response:
    """`GET /console/acts`: who did what."""
    by = visit.asked("by")
    page = await visit.uses.lists.acts(by, visit.asked("cursor"))

    def row(one: Event) -> list[Cell]:
        return [
            Cell(_at(visit, one.at)),
            Cell(one.by, f"{address('acts', '').rstrip('/')}?{urlencode({'by': one.by})}"),
            Cell(event_name(visit, one.name)),
            customer_link(one.tenant_id),
            order_link(one.order_id if isinstance(one, OrderEvent) else None),
            Cell(str(getattr(one, "reason", "") or getattr(one, "note", "") or "")),
        ]

    by_person = Filter(name="by", label=visit.words["who"], chosen=by)
    return _list(visit, "acts", ("when", "who", "what", "customer", "order", "reason"), page, row, by_person)


LISTS: dict[str, Visitor] = {
    "customers": customers,
    "subscriptions": subscriptions,
    "orders": orders,
    "invoices": invoices,
    "mails": mails,
    "webhooks": webhooks,
    "callbacks": callbacks,
    "workers": workers,
    "acts": acts,
}


def _list(
    visit: Visit,
    name: str,
    columns: Sequence[str],
    page: ListPage[T],
    row: Callable[[T], Sequence[Cell]],
    *filters: Filter,
    why: str = "",
    acts: Sequence[tuple[str, str]] = (),
) -> Response:
    kept = {one.name: one.chosen for one in filters if one.chosen}
    return visit.render(
        "list.html",
        name=name,
        why=why,
        acts=acts,
        columns=columns,
        rows=[row(one) for one in page.items],
        filters=filters,
        here=visit.request.path,
        is_later=bool(visit.asked("cursor")),
        first=f"?{urlencode(kept)}",
        next=None if page.next is None else f"?{urlencode({**kept, 'cursor': page.next})}",
    )


def _states(visit: Visit, choices: Sequence[tuple[str, str]]) -> Filter:
    return Filter(name="state", label=visit.words["state"], chosen=visit.asked("state"), choices=choices)


def _choice(visit: Visit, name: str, kind: type[T]) -> T | None:
    """A value of an enumeration from the query; None where it is empty.

    Raises:
        InvalidSelection: it is not one.
    """
    text = visit.asked(name)
    if not text:
        return None
    try:
        return kind(text)  # type: ignore[call-arg]
    except ValueError:
        raise InvalidSelection(name, f"{text[:40]!r} is not a {name}") from None


def _tenant(visit: Visit) -> str | None:
    text = visit.asked("tenant")
    return check_tenant_id(text) if text else None


def _cursor_number(visit: Visit) -> int:
    text = visit.asked("cursor")
    return whole_number(text, "cursor") if text else 0


def _cursor_moment(visit: Visit) -> datetime | None:
    text = visit.asked("cursor")
    try:
        cursor = datetime.fromisoformat(text) if text else None
    except ValueError:
        cursor = None
    return cursor if cursor is not None and cursor.tzinfo else None


def _at(visit: Visit, at: datetime | None) -> Markup:
    return written(at, visit.uses)
