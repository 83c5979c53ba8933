"""Which mails an event leads to, and what each of them says.

Source: docs/mails.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from echodesk_billing.application.links import debt_of
from echodesk_billing.domain.events import (
    BillingRecovered,
    BillingStalled,
    CreditNoteIssued,
    Event,
    InvoiceIssued,
    OrderRejected,
    PaymentActionRequired,
    ReminderDue,
    RenewalUpcoming,
    SubscriptionActivated,
    SubscriptionCancelled,
    SubscriptionChanged,
    SubscriptionChangeScheduled,
    SubscriptionPastDue,
    SubscriptionRenewed,
    SubscriptionSuspended,
    TenantRegistered,
    WebhookEndpointDisabled,
)
from echodesk_billing.domain.notifications.mail import Mail, MailKind, mail_id
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.ports.storage import UnitOfWork

_K = MailKind
Facts = Mapping[str, str]
MOST_NOTES = 50


@frozen
class _Draft:
    """A mail before it is addressed."""

    kind: MailKind
    facts: Facts


@frozen
class Letters:
    """Makes the mails of events.

    Args:
        off: kinds that are not sent.
        operator: address of the operator; empty where there is none.
        is_on: whether there is a mail server; without one nothing is made.
    """

    off: Collection[MailKind] = ()
    operator: str = ""
    is_on: bool = True

    def of(self, uow: UnitOfWork, event: Event, now: datetime) -> Sequence[Mail]:
        """The mails of one event, one for each address; none where the kind is off or nobody is to be told."""
        draft = _draft(uow, event) if self.is_on and not _is_over(event, now) else None
        if draft is None or draft.kind in self.off:
            return []
        addresses, language = self._addressees(uow, event, draft.kind)
        return [
            Mail(
                id=mail_id(event.id, draft.kind, number),
                tenant_id=event.tenant_id,
                event_id=event.id,
                kind=draft.kind,
                address=address,
                language=language,
                facts=dict(draft.facts),
                due_at=now,
                created_at=now,
            )
            for number, address in enumerate(addresses)
            if not uow.mails.is_stopped(event.tenant_id, address, is_optional=draft.kind.is_optional)
        ]

    def _addressees(self, uow: UnitOfWork, event: Event, kind: MailKind) -> tuple[Sequence[str], str]:
        if kind.is_for_operators:
            return ([self.operator] if self.operator else []), "en"
        if isinstance(event, TenantRegistered):
            return [event.admin_email], event.language or "ka"
        customer = uow.customers.get(event.tenant_id)
        return (customer.profile.emails, customer.profile.language) if customer else ([], "ka")


def _draft(uow: UnitOfWork, event: Event) -> _Draft | None:
    return _of_order(uow, event) or _of_time(uow, event) or _of_subscription(uow, event) or _for_operators(event)


def _is_over(event: Event, now: datetime) -> bool:
    """Whether a reminder comes too late, because nothing was sent for days."""
    match event:
        case RenewalUpcoming():
            return now > event.charged_at
        case ReminderDue():
            return now >= event.expires_at
    return False


def _of_order(uow: UnitOfWork, event: Event) -> _Draft | None:
    match event:
        case InvoiceIssued() | CreditNoteIssued():
            return _documented(uow, event)
        case OrderRejected():
            return _declined(uow, event)
        case PaymentActionRequired():
            return _Draft(_K.ACTION_REQUIRED, _owed(uow, event))
        case TenantRegistered():
            return _Draft(_K.REGISTRATION_PAID, {"name": event.tenant_name})
    return None


def _of_time(uow: UnitOfWork, event: Event) -> _Draft | None:
    match event:
        case RenewalUpcoming():
            said = {"amount": str(event.amount), "charged_at": _iso(event.charged_at)}
            return _Draft(_K.UPCOMING_RENEWAL, {**said, **_plan(uow, event.tenant_id)})
        case ReminderDue():
            return _Draft(_REMINDERS[event.what], {"ends_at": _iso(event.expires_at), **_owed(uow, event)})
        case SubscriptionPastDue(code=None):
            return _Draft(_K.PAST_DUE, {"ends_at": _iso(event.access_until), **_owed(uow, event)})
    return None


def _of_subscription(uow: UnitOfWork, event: Event) -> _Draft | None:
    match event:
        case SubscriptionSuspended():
            return _Draft(_K.SUSPENDED, _owed(uow, event))
        case SubscriptionActivated(is_back=True) | SubscriptionRenewed(is_back=True):
            return _Draft(_K.BACK_AGAIN, {"paid_until": _iso(event.paid_until), **_plan(uow, event.tenant_id)})
        case SubscriptionChanged():
            return _Draft(_K.PLAN_CHANGED, {"plan": event.plan_name, "price": str(event.price)})
        case SubscriptionChangeScheduled():
            planned = {"plan": event.plan_name, "price": str(event.price)}
            return _Draft(_K.CHANGE_SCHEDULED, {**planned, "effective_at": _iso(event.effective_at)})
        case SubscriptionCancelled():
            return _Draft(_K.CANCELLED, {"ends_at": _iso(event.access_until)})
    return None


_REMINDERS = {
    "card": _K.CARD_EXPIRING,
    "trial": _K.TRIAL_ENDING,
    "period": _K.PAYMENT_DUE,
    "access": _K.SUSPENSION_SOON,
}


def _documented(uow: UnitOfWork, event: InvoiceIssued | CreditNoteIssued) -> _Draft:
    said = {"number": event.number, "amount": str(event.amount)}
    if isinstance(event, InvoiceIssued):
        invoice = uow.books.invoice_of_order(event.order_id)
        what = (invoice.package_name or invoice.description) if invoice else ""
        until = _iso(invoice.details.ends) if invoice and invoice.details.ends else ""
        more = {"invoice_id": str(invoice.id) if invoice else "", "plan": what, "paid_until": until}
        return _Draft(_K.RECEIPT, {**said, **more})
    notes = uow.books.credit_notes_of(event.tenant_id, MOST_NOTES)
    note_id = next((str(note.id) for note in notes if note.number == event.number), "")
    return _Draft(_K.REFUNDED, {**said, "invoice": event.invoice_number, "credit_note_id": note_id})


def _declined(uow: UnitOfWork, event: OrderRejected) -> _Draft | None:
    """Only of automatic charges: a customer who pays sees the bank's answer on the page."""
    order, subscription = uow.orders.get(event.order_id, event.tenant_id), uow.subscriptions.get(event.tenant_id)
    if order is None or subscription is None or order.purpose is not Purpose.RENEWAL:
        return None
    if subscription.state is SubscriptionState.SUSPENDED:
        return None  # the mail of the suspension says it all
    retry_at, until = subscription.dunning.retry_at, subscription.access_until
    said = {"code": event.code or "", "retry_at": _iso(retry_at) if retry_at else ""}
    return _Draft(_K.PAYMENT_FAILED, {**said, "ends_at": _iso(until) if until else "", **_owed(uow, event)})


def _for_operators(event: Event) -> _Draft | None:
    match event:
        case BillingStalled():
            return _Draft(
                _K.BILLING_STALLED, {"due_since": _iso(event.due_since), "subscriptions": str(event.subscriptions)}
            )
        case BillingRecovered():
            return _Draft(_K.BILLING_RECOVERED, {"stalled_at": _iso(event.stalled_at)})
        case WebhookEndpointDisabled():
            failing = {"url": event.url, "endpoint_id": event.endpoint_id, "problem": event.problem}
            whose = {"tenant": event.tenant_id or "all tenants", "failing_since": _iso(event.failing_since)}
            return _Draft(_K.WEBHOOK_DISABLED, {**failing, **whose})
    return None


def _owed(uow: UnitOfWork, event: Event) -> Facts:
    """What the customer owes, or owes next, and the debt that a pay link is bound to."""
    subscription = uow.subscriptions.get(event.tenant_id)
    if subscription is None or subscription.plan is None:
        return {}
    plan = subscription.plan_of(subscription.first_unpaid(event.at))
    return {"amount": str(plan.price), "plan": plan.name, "debt": debt_of(subscription)}


def _plan(uow: UnitOfWork, tenant_id: str) -> Facts:
    subscription = uow.subscriptions.get(tenant_id)
    return {"plan": subscription.plan.name} if subscription and subscription.plan else {}


def _iso(moment: datetime) -> str:
    return moment.isoformat()
