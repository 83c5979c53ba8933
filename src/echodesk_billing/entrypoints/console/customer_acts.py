"""What an operator may do about a customer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from echodesk_billing.application.on_subscription import Foreseen
from echodesk_billing.application.operator_views import CustomerFile
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.subscriptions.free_time import FOREVER
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.entrypoints.console.act import REASON, Act, Effect, Field, amount, day, text
from echodesk_billing.entrypoints.console.rendering import moment
from echodesk_billing.entrypoints.console.visit import Form, Visit
from echodesk_billing.entrypoints.http.calls import whole_number

PROFILE = ("legal_name", "identification_code", "address")
_S = SubscriptionState


def possible_acts(file: CustomerFile) -> list[str]:
    """What may be done about a customer."""
    one = file.subscription
    has_begun = one is not None and one.state is not _S.INCOMPLETE
    stopped = one is not None and (one.pause is not None or one.state in (_S.CANCELLED, _S.PAUSED))
    possible = {
        "retry": one is not None and one.state in (_S.PAST_DUE, _S.SUSPENDED),
        "give-days": has_begun,
        "complimentary": has_begun,
        "pause": one is not None and one.state in (_S.ACTIVE, _S.PAUSED),
        "resume": stopped,
        "cancel": has_begun and one is not None and one.state is not _S.ENDED,
        "profile": file.customer is not None,
        "proforma": True,
        "transfer": any(not proforma.order_id for proforma in file.proformas),
    }
    return [name for name, is_possible in possible.items() if is_possible]


async def _foresee_days(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    days = whole_number(text(sent, "days"), "days")
    foreseen = await visit.uses.subscription_acts.preview_days(visit.who, tenant_id, days, text(sent, "reason"))
    return _changed(visit, foreseen)


async def _give_days(visit: Visit, tenant_id: str, sent: Form, key: str) -> object:
    days = whole_number(text(sent, "days"), "days")
    return await visit.uses.subscription_acts.give_days(visit.who, tenant_id, days, text(sent, "reason"), key=key)


async def _foresee_complimentary(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    foreseen = await visit.uses.subscription_acts.preview_complimentary(
        visit.who, tenant_id, text(sent, "reason"), until=day(sent)
    )
    return _changed(visit, foreseen)


async def _make_complimentary(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.subscription_acts.make_complimentary(
        visit.who, tenant_id, text(sent, "reason"), until=day(sent)
    )


async def _foresee_pause(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    foreseen = await visit.uses.subscription_acts.preview_pause(
        visit.who, tenant_id, text(sent, "reason"), until=day(sent)
    )
    return _changed(visit, foreseen)


async def _pause(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.subscription_acts.pause(visit.who, tenant_id, text(sent, "reason"), until=day(sent))


async def _foresee_resume(visit: Visit, tenant_id: str, _sent: Form) -> Sequence[Effect]:
    return _changed(visit, await visit.uses.cancel.preview_resume(visit.who.acting_for(tenant_id)))


async def _resume(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.cancel.resume(visit.who.acting_for(tenant_id), text(sent, "reason"))


async def _foresee_cancel(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    at_once = text(sent, "immediately") == "yes"
    return _changed(visit, await visit.uses.cancel.preview(visit.who.acting_for(tenant_id), immediately=at_once))


async def _cancel(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    at_once = text(sent, "immediately") == "yes"
    return await visit.uses.cancel.cancel(visit.who.acting_for(tenant_id), immediately=at_once)


async def _foresee_retry(visit: Visit, tenant_id: str, _sent: Form) -> Sequence[Effect]:
    amount, card = await visit.uses.acts.preview_retry(tenant_id)
    return [Effect("amount", "", str(amount)), Effect("card_charged", "", f"{card.masked_number} {card.brand}")]


async def _retry(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.acts.retry(visit.who, tenant_id, text(sent, "reason"))


def _profile(sent: Form) -> dict[str, object]:
    emails = [one.strip() for one in text(sent, "emails").split(",") if one.strip()]
    return {**{name: text(sent, name) for name in PROFILE}, "emails": emails}


async def _foresee_profile(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    profile = (await visit.uses.customers.show(tenant_id)).profile
    now = {**{name: getattr(profile, name) for name in PROFILE}, "emails": ", ".join(profile.emails)}
    new = {**_profile(sent), "emails": ", ".join(map(str, _profile(sent)["emails"]))}  # type: ignore[call-overload]
    return [Effect(name, now[name], str(new[name])) for name in now if now[name] != new[name]]


async def _set_profile(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.customers.set(visit.who, tenant_id, _profile(sent))


async def _foresee_proforma(_visit: Visit, _tenant_id: str, sent: Form) -> Sequence[Effect]:
    selection = _selection(sent)
    return [Effect("plan", "", f"{selection.package_id} × {selection.seats}")] if selection else []


async def _make_proforma(visit: Visit, tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.transfers.create_proforma(visit.who, tenant_id, _selection(sent))


async def _foresee_transfer(visit: Visit, tenant_id: str, sent: Form) -> Sequence[Effect]:
    number = text(sent, "proforma").upper()
    for one in await visit.uses.transfers.listed(tenant_id):
        if one.number == number:
            return [Effect("proforma", str(one.amount), f"{amount(sent) or ''}")]
    raise InvalidSelection("proforma", f"There is no proforma {number[:40]} of {tenant_id}")


async def _record_transfer(visit: Visit, _tenant_id: str, sent: Form, _key: str) -> object:
    return await visit.uses.transfers.record(
        visit.who,
        text(sent, "proforma"),
        amount(sent) or Decimal(0),
        text(sent, "reference"),
        text(sent, "reason"),
    )


def _selection(sent: Form) -> Selection | None:
    package = text(sent, "package")
    if not package:
        return None
    return Selection(
        package_id=whole_number(package, "package"), seats=whole_number(text(sent, "seats") or "1", "seats")
    )


def _changed(visit: Visit, foreseen: Foreseen) -> list[Effect]:
    """What differs between the subscription as it is and as it would be."""

    def told(one: Subscription) -> dict[str, str]:
        upcoming, access_until = one.upcoming, one.access_until
        charged = f"{moment(upcoming.start, visit.uses)}, {one.plan_of(one.next_period).price}" if upcoming else ""
        return {
            "state": visit.words[f"state_{one.state}"],
            "paid_until": moment(one.paid_until, visit.uses),
            "access_until": moment(access_until if access_until != FOREVER else None, visit.uses),
            "upcoming": charged,
            "paused": _until(one.pause.until, visit) if one.pause else "",
            "free": _until(one.complimentary.until, visit) if one.complimentary else "",
        }

    before, after = told(foreseen.before), told(foreseen.after)
    return [Effect(name, before[name], after[name]) for name in before if before[name] != after[name]]


def _until(until: datetime | None, visit: Visit) -> str:
    return moment(until, visit.uses) if until else visit.words["yes"]


_UNTIL = Field("until", "date", required=False, help="until_help")
CUSTOMER_ACTS = (
    Act("give-days", "customers", (Field("days", "number"), REASON), _foresee_days, _give_days),
    Act("complimentary", "customers", (_UNTIL, REASON), _foresee_complimentary, _make_complimentary),
    Act("pause", "customers", (_UNTIL, REASON), _foresee_pause, _pause),
    Act("resume", "customers", (REASON,), _foresee_resume, _resume),
    Act("cancel", "customers", (Field("immediately", "checkbox", required=False),), _foresee_cancel, _cancel),
    Act("retry", "customers", (REASON,), _foresee_retry, _retry),
    Act(
        "profile",
        "customers",
        tuple(Field(name, required=False) for name in (*PROFILE, "emails")),
        _foresee_profile,
        _set_profile,
    ),
    Act(
        "proforma",
        "customers",
        (
            Field("package", "number", required=False, help="package_help"),
            Field("seats", "number", required=False),
        ),
        _foresee_proforma,
        _make_proforma,
    ),
    Act(
        "transfer",
        "customers",
        (Field("proforma"), Field("amount"), Field("reference"), REASON),
        _foresee_transfer,
        _record_transfer,
    ),
)
