"""The saved cards of the old tables: what each may be charged for, and which one is charged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from attrs import define, evolve, frozen

from echodesk_billing.domain.customers.card import Card, CardState
from echodesk_billing.domain.importing.findings import Finding, Kind
from echodesk_billing.domain.importing.payment import PURPOSES, Payment
from echodesk_billing.domain.importing.records import OldCard
from echodesk_billing.domain.importing.rules import ImportRules, Receipts
from echodesk_billing.domain.money import Currency, Money
from echodesk_billing.domain.orders.payment_request import SaveCard
from echodesk_billing.domain.orders.purpose import Purpose

_SMALL = ("FEAT", "CARD", "ECARD")
"""Orders whose amount is not the price of a month."""


@frozen(kw_only=True)
class Mandate:
    """What a card repeats, and where that is known from.

    Args:
        amount: None where it is not known.
        renews: whether it can be what a month costs.
    """

    amount: Money | None
    source: str
    renews: bool


@define(kw_only=True)
class Cards:
    """The cards of one tenant.

    Args:
        charged: the card that renewals charge, and what it repeats; None where there is none.
    """

    cards: list[Card]
    charged: tuple[Card, Mandate] | None = None


def cards(
    rows: Sequence[OldCard],
    charged_parent: str,
    payments: Sequence[Payment],
    receipts: Receipts,
    rules: ImportRules,
    tenant_id: str,
) -> tuple[Cards, list[Finding]]:
    """The cards of one tenant.

    Args:
        charged_parent: the bank's id of the order that its subscription charges; empty where there is none.
    """
    found: list[Finding] = []
    by_bank_id = {one.bank_order_id: one for one in payments if one.bank_order_id}
    made: list[tuple[Card, Mandate]] = []
    for row in sorted(rows, key=lambda one: one.id):
        mandate = _mandate(row.parent_order_id, by_bank_id, receipts)
        card = _card(row, mandate, by_bank_id, receipts, rules, tenant_id)
        made.append((card, mandate))
        if not row.is_active:
            message = f"{_named(card)} was removed in the CRM, and the bank was never told: it is told after the import"
            found.append(Finding(kind=Kind.CARD, tenant=tenant_id, subject=row.parent_order_id, message=message))
    if charged_parent and charged_parent not in {row.parent_order_id for row in rows}:
        mandate = _mandate(charged_parent, by_bank_id, receipts)
        made.append((_unlisted(charged_parent, mandate, by_bank_id, receipts, rules, tenant_id), mandate))
        message = "the card that is charged is not among the saved cards: it is added to them"
        found.append(Finding(kind=Kind.CARD, tenant=tenant_id, subject=charged_parent, message=message))
    return _with_default(made, charged_parent, found, rules), found


def _with_default(
    made: list[tuple[Card, Mandate]], charged_parent: str, found: list[Finding], rules: ImportRules
) -> Cards:
    """The card that is charged becomes the default one."""
    usable = [pair for pair in made if pair[0].state is CardState.ACTIVE]
    charged = next((pair for pair in usable if pair[0].bank_order_id == charged_parent), None)
    chosen = next((pair for pair in usable if pair[0].is_default), None)
    if charged is not None and chosen is not None and charged is not chosen:
        card, other = charged[0], chosen[0]
        message = f"{_named(other)} was the default card, but {_named(card)} is charged: that one is the default here"
        subject = other.bank_order_id
        found.append(Finding(kind=Kind.CARD, tenant=card.tenant_id, subject=subject, message=message))
    default = charged or chosen or (usable[-1] if usable else None)
    for pair in made:
        pair[0].is_default = pair is default
        if pair[0].state is CardState.ACTIVE:
            pair[0].plan_reminder(rules.policy, rules.quiet_until)
    return Cards(cards=[card for card, _ in made], charged=default)


def _mandate(parent: str, payments: dict[str, Payment], receipts: Receipts) -> Mandate:
    """What the card of a parent order repeats: its receipt's amount, else that of the order that saved it."""
    payment, receipt = payments.get(parent), receipts.of(parent)
    named = payment.order_id if payment else (receipt.external_order_id if receipt else None) or parent
    prefix = payment.prefix if payment else named.rpartition("-")[0]
    is_known = prefix not in _SMALL
    if receipt is not None and receipt.claims_money:
        paid = payment.order.captured if payment and payment.order else receipt.transferred
        amount = paid or Money.zero(Currency.GEL)
        return Mandate(amount=amount, source=f"receipt of {named}", renews=is_known and bool(amount))
    if payment is None or PURPOSES[payment.prefix] is Purpose.RENEWAL:
        return Mandate(amount=None, source="not known: ask the bank", renews=False)
    amount = payment.order.amount if payment.order else payment.stated
    return Mandate(amount=amount, source=f"{named} in the tables", renews=is_known and bool(amount))


def _card(
    row: OldCard,
    mandate: Mandate,
    payments: dict[str, Payment],
    receipts: Receipts,
    rules: ImportRules,
    tenant_id: str,
) -> Card:
    card = _unlisted(row.parent_order_id, mandate, payments, receipts, rules, tenant_id)
    kind = card.kind if _told(row.parent_order_id, receipts) else _kind(row, card.order_id)
    card = evolve(
        card,
        id=row.id,
        kind=kind,
        masked_number=row.masked_number[:32] or card.masked_number,
        brand=row.brand[:16] or card.brand,
        expiry=row.expiry[:8] or card.expiry,
        saved_at=row.saved_at,
        is_default=row.is_default,
        chosen_at=row.saved_at if row.is_default else None,
    )
    if not row.is_active:
        card.forget(rules.now)
        card.forget_at = rules.quiet_until
    return card


def _kind(row: OldCard, order_id: str) -> SaveCard:
    """Without a receipt: one that was saved for payments of a present customer says so in the id of its order."""
    is_present = order_id.startswith("ECARD-") or row.card_save_type == "ecommerce"
    return SaveCard.RECURRENT if is_present else SaveCard.AUTOMATIC


def _told(parent: str, receipts: Receipts) -> bool:
    receipt = receipts.of(parent)
    return receipt is not None and receipt.card is not None


def _unlisted(
    parent: str,
    mandate: Mandate,
    payments: dict[str, Payment],
    receipts: Receipts,
    rules: ImportRules,
    tenant_id: str,
) -> Card:
    """A card as the bank describes it; without its receipt, a card of which only the parent is known."""
    payment, receipt = payments.get(parent), receipts.of(parent)
    told = receipt.card if receipt else None
    digest = hashlib.sha256(parent.encode()).hexdigest()[:12].upper()
    return Card(
        tenant_id=tenant_id,
        order_id=payment.order_id if payment else f"CARD-{digest}",
        bank_order_id=parent,
        kind=told.kind if told else SaveCard.AUTOMATIC,
        mandate=mandate.amount or Money.zero(Currency.GEL),
        masked_number=told.masked_number if told else "",
        brand=told.brand if told else "",
        expiry=told.expiry if told else "",
        saved_at=payment.paid_at if payment else rules.now,
    )


def _named(card: Card) -> str:
    return f"the card {card.masked_number}" if card.masked_number else f"the card of {card.order_id}"
