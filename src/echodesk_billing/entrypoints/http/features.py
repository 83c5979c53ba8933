"""Single features of a subscription: the list, adding, removing."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from echodesk_billing.application.changes import Changed, When
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.calendar import local_date
from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature
from echodesk_billing.domain.catalogue.limits import MOST_SEATS
from echodesk_billing.domain.catalogue.pricing import Item, feature_item
from echodesk_billing.domain.money import Currency
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Id, Nothing, as_text, in_gel
from echodesk_billing.entrypoints.http.messages import say
from echodesk_billing.entrypoints.http.upgrades import replaced_message
from echodesk_billing.ports.access import Scope


class AvailableFeature(Struct, frozen=True, kw_only=True):
    """A feature that can be bought, or that the tenant has.

    `removed_from` and `added_from` are the days from which a scheduled change removes or adds it.
    """

    id: int
    key: str
    name: str
    description: str
    price_per_user_gel: Decimal
    price_unlimited_gel: Decimal | None
    monthly_cost_for_current_agents: Decimal
    is_selected: bool
    is_required: bool
    icon: str
    removed_from: date | None = None
    added_from: date | None = None


class AvailableFeatures(Struct, frozen=True, kw_only=True):
    """All features by the label of their category: those on sale and those the tenant has."""

    agent_count: int
    currency: str
    features_by_category: dict[str, list[AvailableFeature]]

    @classmethod
    def of(cls, view: SubscriptionView, language: str = "en") -> AvailableFeatures:
        """For a tenant's subscription."""
        plan, catalogue = view.plan, view.catalogue
        by_category: dict[str, list[AvailableFeature]] = {}
        for feature in catalogue.features:
            label = catalogue.category_label(feature.category, language)
            by_category.setdefault(label, []).append(_on_sale(feature, view, language))
        sold = {feature.key for feature in catalogue.features}
        for item in plan.items if plan else ():
            if item.key and item.key not in sold:
                label = catalogue.category_label(item.category, language)
                by_category.setdefault(label, []).append(_discontinued(item, view))
        currency = plan.price.currency if plan else Currency.GEL
        return cls(agent_count=_seats(view), currency=currency, features_by_category=by_category)


def _seats(view: SubscriptionView) -> int:
    return view.last_plan.selection.seats if view.last_plan else view.catalogue.seats.fewest


def _on_sale(feature: Feature, view: SubscriptionView, language: str) -> AvailableFeature:
    """A feature of the catalogue, at the price that the tenant agreed to where it has it."""
    plan, words = view.plan, feature.words(language)
    currency, interval = (plan.price.currency, plan.interval) if plan else (Currency.GEL, 1)
    item = plan.item(feature.key) if plan else None
    if item is None and currency in feature.prices_of(interval):
        item = feature_item(view.catalogue, feature.key, currency, interval)
    if item is None:  # not sold like that: what it costs by itself
        prices, interval = feature.prices_per_seat, 1
        currency = Currency.GEL if Currency.GEL in prices else next(iter(prices))
        item = feature_item(view.catalogue, feature.key, currency)
    in_gel = item if currency is Currency.GEL and interval == 1 else None
    per_seat = feature.prices_per_seat.get(Currency.GEL, item.unit_price.part(interval))
    flat = feature.prices_flat.get(Currency.GEL)
    return AvailableFeature(
        id=feature.id,
        key=feature.key,
        name=words.name,
        description=words.description,
        price_per_user_gel=(in_gel.unit_price if in_gel else per_seat).amount,
        price_unlimited_gel=flat.amount if flat else None,
        monthly_cost_for_current_agents=item.price(_seats(view)).part(interval).amount,
        is_selected=plan is not None and feature.key in plan.features,
        is_required=feature.is_required,
        icon=feature.icon,
        removed_from=_changes_on(view, feature.key, to=False),
        added_from=_changes_on(view, feature.key, to=True),
    )


def _discontinued(item: Item, view: SubscriptionView) -> AvailableFeature:
    """A feature of the tenant's plan that is no longer sold, so that it can be removed."""
    interval = view.plan.interval if view.plan else 1
    return AvailableFeature(
        id=item.id,
        key=item.key,
        name=item.name,
        description="",
        price_per_user_gel=item.unit_price.part(interval).amount,
        price_unlimited_gel=item.flat_price.part(interval).amount if item.flat_price else None,
        monthly_cost_for_current_agents=item.price(_seats(view)).part(interval).amount,
        is_selected=True,
        is_required=item.is_required,
        icon="",
        removed_from=_changes_on(view, item.key, to=False),
    )


def _changes_on(view: SubscriptionView, key: str, *, to: bool) -> date | None:
    """The day from which the feature is, or is not, part of the plan because of a scheduled change."""
    subscription, plan = view.subscription, view.plan
    if subscription is None or plan is None or (key in plan.features) is to:
        return None
    for changed, starts in subscription.scheduled_from(0):
        if (key in changed.features) is to:
            return subscription.term.local_date(starts)
    return None


class CatalogueFeature(Struct, frozen=True, kw_only=True):
    """A feature on the price page and the registration form."""

    id: int
    key: str
    name: str
    description: str
    category: str
    category_display: str
    icon: str
    price_per_user_gel: str
    price_unlimited_gel: str | None
    sort_order: int
    is_active: bool
    is_required: bool


class CatalogueFeatures(Struct, frozen=True, kw_only=True):
    """Every feature on sale, and the rules about seats of a set of features."""

    count: int
    results: list[CatalogueFeature]
    min_seats: int
    max_seats: int
    seat_step: int

    @classmethod
    def of(cls, catalogue: Catalogue, language: str) -> CatalogueFeatures:
        """From the catalogue."""
        results = [
            CatalogueFeature(
                id=feature.id,
                key=feature.key,
                name=feature.words(language).name,
                description=feature.words(language).description,
                category=feature.category,
                category_display=catalogue.category_label(feature.category, language),
                icon=feature.icon,
                price_per_user_gel=as_text(in_gel(feature.prices_per_seat)) or "0.00",
                price_unlimited_gel=as_text(in_gel(feature.prices_flat)),
                sort_order=position,
                is_active=True,
                is_required=feature.is_required,
            )
            for position, feature in enumerate(catalogue.features, 1)
            if Currency.GEL in feature.prices_per_seat
        ]
        rules = catalogue.seats
        return cls(
            count=len(results),
            results=results,
            min_seats=rules.fewest,
            max_seats=rules.max_seats or MOST_SEATS,
            seat_step=rules.seat_step,
        )


class AddFeature(Struct, frozen=True, kw_only=True):
    """Which feature, and whether to pay and use it at once or from the next period."""

    feature_id: Id
    charge_immediately: bool = True


class RemoveFeature(Struct, frozen=True, kw_only=True):
    """Which feature; it is removed from the next period."""

    feature_id: Id


class FeatureName(Struct, frozen=True, kw_only=True):
    """A feature."""

    id: int
    key: str
    name: str

    @classmethod
    def of(cls, feature: Item) -> FeatureName:
        """From a feature of a plan."""
        return cls(id=feature.id, key=feature.key, name=feature.name)


class FeatureAdded(Struct, frozen=True, kw_only=True):
    """An added feature; with `payment_url`, it takes effect once paid there.

    `prorated_cost` is the amount to pay now: the full new price, because unused paid time becomes extra days.
    """

    success: bool = True
    requires_payment: bool
    requires_authentication: bool
    payment_url: str | None
    order_id: str | None
    message: str
    feature: FeatureName
    prorated_cost: Decimal
    new_monthly_cost: Decimal
    currency: str
    days_remaining: int
    extra_days: int
    effective_date: datetime
    payment_charged: bool = False

    @classmethod
    def of(cls, feature: Item, changed: Changed, now: datetime, language: str) -> FeatureAdded:
        """From a change that added `feature`. A new price needs a new mandate, so the customer has to be present."""
        order, preview = changed.order, changed.preview
        return cls(
            requires_payment=order is not None,
            requires_authentication=order is not None,
            payment_url=order.payment_url if order else None,
            order_id=order.id if order else None,
            message=_added_message(feature, changed, language),
            feature=FeatureName.of(feature),
            prorated_cost=order.amount.amount if order else Decimal("0.00"),
            new_monthly_cost=preview.plan.monthly_price.amount,
            currency=preview.plan.price.currency,
            days_remaining=max(0, (preview.paid_until - now).days),
            extra_days=preview.extra_days,
            effective_date=preview.effective_at,
        )


def _added_message(feature: Item, changed: Changed, language: str) -> str:
    """What adding a feature leads to, with the changes it replaces."""
    zone, preview = changed.time_zone, changed.preview
    replaced = replaced_message(preview, zone, language)
    if changed.order is not None:
        return say(language, "feature_pay_now", amount=changed.order.amount, feature=feature.name) + replaced
    day = local_date(preview.effective_at, zone)
    price = preview.plan.monthly_price
    return say(language, "feature_added", feature=feature.name, day=day, amount=price) + replaced


class FeatureRemoved(Struct, frozen=True, kw_only=True):
    """A feature that is removed from the next period."""

    success: bool = True
    message: str
    feature: FeatureName
    cost_reduction: Decimal
    new_monthly_cost: Decimal
    currency: str
    effective_date: datetime

    @classmethod
    def of(cls, feature: Item, changed: Changed, language: str) -> FeatureRemoved:
        """From a change that removed `feature`."""
        price, effective_at = changed.preview.plan.monthly_price, changed.preview.effective_at
        day = local_date(effective_at, changed.time_zone)
        return cls(
            message=say(language, "feature_removed", feature=feature.name, day=day, amount=price),
            feature=FeatureName.of(feature),
            cost_reduction=(changed.before.monthly_price - price).amount,
            new_monthly_cost=price.amount,
            currency=price.currency,
            effective_date=effective_at,
        )


async def available(call: Call[Nothing]) -> AvailableFeatures:
    """`GET /api/subscription/features/available/`."""
    return AvailableFeatures.of(await call.uses.views.subscription(call.who), call.language)


async def listed(call: Call[Nothing]) -> CatalogueFeatures:
    """`GET /api/features/`."""
    return CatalogueFeatures.of(await call.uses.views.catalogue(), call.language)


async def add(call: Call[AddFeature]) -> FeatureAdded:
    """`POST /api/subscription/features/add/`."""
    when = When.NOW if call.body.charge_immediately else When.LATER
    feature, changed = await call.uses.change_plan.add_feature(call.who, call.body.feature_id, when, key=call.key)
    return FeatureAdded.of(feature, changed, await call.uses.clock.now(), call.language)


async def remove(call: Call[RemoveFeature]) -> FeatureRemoved:
    """`POST /api/subscription/features/remove/`."""
    feature, changed = await call.uses.change_plan.remove_feature(call.who, call.body.feature_id)
    return FeatureRemoved.of(feature, changed, call.language)


ROUTES = (
    Route(
        method="GET",
        path="/api/features/",
        handler=listed,
        operation="featuresList",
        summary="Features on sale",
        gives=CatalogueFeatures,
    ),
    Route(
        method="GET",
        path="/api/subscription/features/available/",
        handler=available,
        operation="listAvailableFeatures",
        summary="Features that can be bought or removed",
        gives=AvailableFeatures,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path="/api/subscription/features/add/",
        handler=add,
        operation="addFeature",
        summary="Add a feature, now or from the next period",
        takes=AddFeature,
        gives=FeatureAdded,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/subscription/features/remove/",
        handler=remove,
        operation="removeFeature",
        summary="Remove a feature from the next period on",
        takes=RemoveFeature,
        gives=FeatureRemoved,
        scope=Scope.WRITE,
    ),
)
