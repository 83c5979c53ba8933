"""Rows and the domain, translated both ways. Nothing else knows both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from echodesk_billing.domain.accounting.invoice import Invoice
from echodesk_billing.domain.accounting.journal import Entry, EntryKind
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.customers.registration import Applicant, Registration, RegistrationState
from echodesk_billing.domain.events import EVENT_TYPES, Event
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.history import Step
from echodesk_billing.domain.orders.lifecycle import OrderState
from echodesk_billing.domain.orders.order import Order
from echodesk_billing.domain.orders.payment_request import PaymentRequest, SaveCard
from echodesk_billing.domain.orders.purpose import Purpose
from echodesk_billing.domain.orders.refund import Refund
from echodesk_billing.domain.subscriptions.dunning import Dunning
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.plans import PlanChange, Plans
from echodesk_billing.domain.subscriptions.subscription import PaidPeriod, Subscription
from echodesk_billing.domain.subscriptions.term import Term
from echodesk_billing.ports.access import Principal
from echodesk_billing.ports.storage import Answer, InboxEntry, StoredToken

T = TypeVar("T")
Values = dict[str, Any]


def _document(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _value(text: str, kind: type[T]) -> T:
    return msgspec.json.decode(text, type=kind)


def order_values(order: Order) -> Values:
    """The columns of an order."""
    return {
        "id": order.id,
        "idempotency_key": order.idempotency_key,
        "tenant_id": order.tenant_id,
        "purpose": order.purpose.value,
        "period": order.period,
        "state": order.state.value,
        "currency": order.amount.currency.value,
        "amount_minor": order.amount.minor,
        "captured_minor": order.captured.minor if order.captured else None,
        "bank_order_id": order.bank_order_id,
        "payment_url": order.payment_url,
        "response_code": order.response_code,
        "reject_reason": order.reject_reason,
        "plan": _document(order.plan) if order.plan else None,
        "request": _document(order.request),
        "refunds": _document(order.refunds),
        "attention": _document(order.attention),
        "needs_attention": bool(order.attention),
        "resolved": _document(order.resolved),
        "saves_card": order.saves_card,
        "ask": order.ask,
        "check_at": order.check_at,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "version": order.version,
    }


def order(row: Row[Any]) -> Order:
    """An order from its row; its history stays in the database."""
    currency = Currency(row.currency)
    return Order(
        id=row.id,
        idempotency_key=row.idempotency_key,
        tenant_id=row.tenant_id,
        purpose=Purpose(row.purpose),
        period=row.period,
        state=OrderState(row.state),
        amount=Money.from_minor(row.amount_minor, currency),
        captured=None if row.captured_minor is None else Money.from_minor(row.captured_minor, currency),
        bank_order_id=row.bank_order_id,
        payment_url=row.payment_url,
        response_code=row.response_code,
        reject_reason=row.reject_reason,
        plan=_value(row.plan, Plan) if row.plan else None,
        request=_value(row.request, PaymentRequest),
        refunds=_value(row.refunds, tuple[Refund, ...]),
        attention=_value(row.attention, tuple[str, ...]),
        resolved=_value(row.resolved, tuple[str, ...]),
        saves_card=row.saves_card,
        ask=row.ask,
        check_at=row.check_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
        version=row.version,
    )


def step_values(order_id: str, step: Step) -> Values:
    """The columns of a step in an order's history."""
    return {
        "order_id": order_id,
        "at": step.at,
        "event": step.event,
        "source": step.source,
        "before": step.before,
        "after": step.after,
        "detail": step.detail,
        "by": step.by,
    }


def step(row: Row[Any]) -> Step:
    """A step from its row."""
    return Step(
        at=row.at,
        event=row.event,
        source=row.source,
        before=row.before,
        after=row.after,
        detail=row.detail,
        by=row.by,
    )


def subscription_values(subscription: Subscription) -> Values:
    """The columns of a subscription."""
    return {
        "tenant_id": subscription.tenant_id,
        "state": subscription.state.value,
        "plan": _document(subscription.plan) if subscription.plan else None,
        "time_zone": subscription.time_zone,
        "anchor": subscription.anchor,
        "anchor_period": subscription.term.anchor_period,
        "next_period": subscription.next_period,
        "version": subscription.version,
        "tenant_name": subscription.tenant_name,
        "grace_seconds": int(subscription.grace.total_seconds()),
        "changes": _document(subscription.changes),
        "started_at": subscription.started_at,
        "trial_ends_at": subscription.trial_ends_at,
        "charged_period": subscription.dunning.charged_period,
        "asked_period": subscription.dunning.asked_period,
        "failures": subscription.dunning.failures,
        "first_failed_at": subscription.dunning.first_failed_at,
        "retry_at": subscription.dunning.retry_at,
        "tended_at": subscription.tended_at,
        "due_at": subscription.due_at,
        "paid": _document(subscription.paid),
        "grace_used_seconds": int(subscription.grace_used.total_seconds()),
    }


def subscription(row: Row[Any]) -> Subscription:
    """A subscription from its row."""
    return Subscription(
        tenant_id=row.tenant_id,
        tenant_name=row.tenant_name,
        state=SubscriptionState(row.state),
        term=Term(
            time_zone=row.time_zone,
            anchor=row.anchor,
            anchor_period=row.anchor_period,
            next_period=row.next_period,
        ),
        grace=timedelta(seconds=row.grace_seconds),
        plans=Plans(
            plan=_value(row.plan, Plan) if row.plan else None, changes=_value(row.changes, tuple[PlanChange, ...])
        ),
        started_at=row.started_at,
        paid=_value(row.paid, tuple[PaidPeriod, ...]),
        grace_used=timedelta(seconds=row.grace_used_seconds),
        trial_ends_at=row.trial_ends_at,
        dunning=Dunning(
            charged_period=row.charged_period,
            asked_period=row.asked_period,
            failures=row.failures,
            first_failed_at=row.first_failed_at,
            retry_at=row.retry_at,
        ),
        tended_at=row.tended_at,
        due_at=row.due_at,
        version=row.version,
    )


def card_values(card: Card) -> Values:
    """The columns of a saved card; a new one gets its number from the database."""
    values = {
        "tenant_id": card.tenant_id,
        "order_id": card.order_id,
        "bank_order_id": card.bank_order_id,
        "kind": card.kind.value,
        "currency": card.mandate.currency.value,
        "mandate_minor": card.mandate.minor,
        "masked_number": card.masked_number,
        "brand": card.brand,
        "expiry": card.expiry,
        "saved_at": card.saved_at,
        "is_default": card.is_default,
        "state": card.state.value,
        "remind_at": card.remind_at,
        "chosen_at": card.chosen_at,
        "forgotten_at": card.forgotten_at,
        "removed_as_default": card.removed_as_default,
        "forget_at": card.forget_at,
        "version": card.version,
    }
    return {"id": card.id, **values} if card.id else values


def card(row: Row[Any]) -> Card:
    """A saved card from its row."""
    return Card(
        id=row.id,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        bank_order_id=row.bank_order_id,
        kind=SaveCard(row.kind),
        mandate=Money.from_minor(row.mandate_minor, Currency(row.currency)),
        masked_number=row.masked_number,
        brand=row.brand,
        expiry=row.expiry,
        saved_at=row.saved_at,
        is_default=row.is_default,
        state=CardState(row.state),
        remind_at=row.remind_at,
        chosen_at=row.chosen_at,
        forgotten_at=row.forgotten_at,
        removed_as_default=row.removed_as_default,
        forget_at=row.forget_at,
        version=row.version,
    )


def registration_values(registration: Registration) -> Values:
    """The columns of a registration."""
    return {
        "order_id": registration.order_id,
        "schema_name": registration.applicant.schema_name,
        "applicant": _document(registration.applicant),
        "sealed_payload": registration.sealed_payload,
        "state": registration.state.value,
        "created_at": registration.created_at,
        "expires_at": registration.expires_at,
        "version": registration.version,
    }


def registration(row: Row[Any]) -> Registration:
    """A registration from its row."""
    return Registration(
        order_id=row.order_id,
        applicant=_value(row.applicant, Applicant),
        sealed_payload=bytes(row.sealed_payload) if row.sealed_payload else None,
        state=RegistrationState(row.state),
        created_at=row.created_at,
        expires_at=row.expires_at,
        version=row.version,
    )


def entry_values(entry: Entry) -> Values:
    """The columns of an entry of the journal."""
    return {
        "kind": entry.kind.value,
        "tenant_id": entry.tenant_id,
        "order_id": entry.order_id,
        "debit": entry.debit,
        "credit": entry.credit,
        "currency": entry.amount.currency.value,
        "amount_minor": entry.amount.minor,
        "at": entry.at,
    }


def entry(row: Row[Any]) -> Entry:
    """An entry of the journal from its row."""
    return Entry(
        kind=EntryKind(row.kind),
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        debit=row.debit,
        credit=row.credit,
        amount=Money.from_minor(row.amount_minor, Currency(row.currency)),
        at=row.at,
    )


def invoice_values(invoice: Invoice) -> Values:
    """The columns of a new invoice; it gets its number for the frontend from the database."""
    return {
        "series": invoice.series,
        "serial": invoice.serial,
        "tenant_id": invoice.tenant_id,
        "order_id": invoice.order_id,
        "currency": invoice.amount.currency.value,
        "amount_minor": invoice.amount.minor,
        "description": invoice.description,
        "package_name": invoice.package_name,
        "seats": invoice.seats,
        "issued_at": invoice.issued_at,
        "buyer": invoice.buyer,
    }


def invoice(row: Row[Any]) -> Invoice:
    """An invoice from its row."""
    return Invoice(
        id=row.id,
        series=row.series,
        serial=row.serial,
        tenant_id=row.tenant_id,
        order_id=row.order_id,
        amount=Money.from_minor(row.amount_minor, Currency(row.currency)),
        description=row.description,
        package_name=row.package_name,
        seats=row.seats,
        issued_at=row.issued_at,
        buyer=row.buyer,
    )


def catalogue_document(catalogue: Catalogue) -> str:
    """A catalogue as a document."""
    return _document(catalogue)


def catalogue(row: Row[Any]) -> Catalogue:
    """A catalogue from its row."""
    return _value(row.document, Catalogue)


def inbox_values(entry: InboxEntry) -> Values:
    """The columns of a callback that was received."""
    return {
        "digest": entry.digest,
        "outcome": entry.outcome,
        "verdict": entry.verdict,
        "order_id": entry.order_id,
        "at": entry.at,
    }


def inbox_entry(row: Row[Any]) -> InboxEntry:
    """A received callback from its row."""
    return InboxEntry(digest=row.digest, outcome=row.outcome, verdict=row.verdict, order_id=row.order_id, at=row.at)


def event_values(event: Event) -> Values:
    """The columns of a recorded event."""
    return {
        "id": event.id,
        "tenant_id": event.tenant_id,
        "type": event.name,
        "version": event.version,
        "body": _document(event),
    }


def event(row: Row[Any]) -> Event:
    """An event from its row."""
    return _value(row.body, EVENT_TYPES[row.type])


def token_values(token: StoredToken) -> Values:
    """The columns of a token."""
    return {
        "digest": token.digest,
        "prefix": token.prefix,
        "tenant_id": token.principal.tenant_id,
        "principal": _document(token.principal),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "parent": token.parent,
        "issued_by": token.issued_by,
        "revoked_by": token.revoked_by,
    }


def token(row: Row[Any]) -> StoredToken:
    """A token from its row."""
    return StoredToken(
        digest=row.digest,
        prefix=row.prefix,
        principal=_value(row.principal, Principal),
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        parent=row.parent,
        issued_by=row.issued_by,
        revoked_by=row.revoked_by,
    )


def answer_values(answer: Answer) -> Values:
    """The columns of an answer under an idempotency key."""
    return {
        "owner": answer.owner,
        "key": answer.key,
        "identity": answer.identity,
        "request_digest": answer.request_digest,
        "created_at": answer.created_at,
        "claimed_at": answer.claimed_at,
        "status": answer.status,
        "content_type": answer.content_type,
        "body": answer.body,
    }


def answer(row: Row[Any]) -> Answer:
    """An answer from its row."""
    return Answer(
        owner=row.owner,
        key=row.key,
        identity=row.identity,
        request_digest=row.request_digest,
        created_at=row.created_at,
        claimed_at=row.claimed_at,
        status=row.status,
        content_type=row.content_type,
        body=bytes(row.body),
    )
