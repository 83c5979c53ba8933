"""Single features of a subscription: the list, adding, removing."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from msgspec import Struct

from echodesk_billing.application.changes import Changed, When
from echodesk_billing.application.views import SubscriptionView
from echodesk_billing.domain.catalogue.catalogue import Catalogue, Feature
from echodesk_billing.domain.catalogue.pricing import Item, Plan, feature_item
from echodesk_billing.domain.money import Currency
from echodesk_billing.entrypoints.http.calls import Call, Route
from echodesk_billing.entrypoints.http.common import Id, Nothing, in_gel
from echodesk_billing.entrypoints.http.upgrades import change_message
from echodesk_billing.ports.access import Scope


class AvailableFeature(Struct, frozen=True, kw_only=True):
    """A feature that can be bought individually."""

    id: int
    key: str
    name: str
    description: str
    price_per_user_gel: str | None
    price_unlimited_gel: str | None
    monthly_cost_for_current_agents: Decimal | None
    is_selected: bool
    icon: str

    @classmethod
    def of(cls, feature: Feature, catalogue: Catalogue, plan: Plan | None) -> AvailableFeature:
        """From a feature of the catalogue, for a tenant with `plan`."""
        seats = plan.selection.seats if plan else 1
        currency = plan.price.currency if plan else Currency.GEL
        item = plan.item(feature.key) if plan else None
        if item is None and currency in feature.prices_per_seat:
            item = feature_item(catalogue, feature.key, currency)
        return cls(
            id=feature.id,
            key=feature.key,
            name=feature.name,
            description=feature.description,
            price_per_user_gel=in_gel(feature.prices_per_seat),
            price_unlimited_gel=in_gel(feature.prices_flat),
            monthly_cost_for_current_agents=item.price(seats).amount if item else None,
            is_selected=plan is not None and feature.key in plan.features,
            icon=feature.icon,
        )

    @classmethod
    def of_discontinued(cls, item: Item, seats: int) -> AvailableFeature:
        """From a feature of a tenant's plan that is no longer sold, so that it can be removed."""
        is_in_gel = item.unit_price.currency is Currency.GEL
        return cls(
            id=item.id,
            key=item.key,
            name=item.name,
            description="",
            price_per_user_gel=str(item.unit_price.amount) if is_in_gel else None,
            price_unlimited_gel=str(item.flat_price.amount) if is_in_gel and item.flat_price else None,
            monthly_cost_for_current_agents=item.price(seats).amount,
            is_selected=True,
            icon="",
        )


class AvailableFeatures(Struct, frozen=True, kw_only=True):
    """All features by category: those on sale and those the tenant has."""

    agent_count: int
    features_by_category: dict[str, list[AvailableFeature]]

    @classmethod
    def of(cls, view: SubscriptionView) -> AvailableFeatures:
        """For a tenant's subscription."""
        plan, catalogue = view.plan, view.catalogue
        seats = plan.selection.seats if plan else 1
        by_category: dict[str, list[AvailableFeature]] = {}
        for feature in catalogue.features:
            by_category.setdefault(feature.category, []).append(AvailableFeature.of(feature, catalogue, plan))
        sold = {feature.key for feature in catalogue.features}
        for item in plan.items if plan else ():
            if item.key and item.key not in sold:
                by_category.setdefault(item.category, []).append(AvailableFeature.of_discontinued(item, seats))
        return cls(agent_count=seats, features_by_category=by_category)


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
            message=change_message(changed, language),
            feature=FeatureName.of(feature),
            prorated_cost=order.amount.amount if order else Decimal("0.00"),
            new_monthly_cost=preview.plan.price.amount,
            currency=preview.plan.price.currency,
            days_remaining=max(0, (preview.paid_until - now).days),
            extra_days=preview.extra_days,
            effective_date=preview.effective_at,
        )


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
        price = changed.preview.plan.price
        return cls(
            message=change_message(changed, language),
            feature=FeatureName.of(feature),
            cost_reduction=(changed.before.price - price).amount,
            new_monthly_cost=price.amount,
            currency=price.currency,
            effective_date=changed.preview.effective_at,
        )


async def available(call: Call[Nothing]) -> AvailableFeatures:
    """`GET /api/subscription/features/available/`."""
    return AvailableFeatures.of(await call.uses.views.subscription(call.who))


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
        path="/api/subscription/features/available/",
        handler=available,
        summary="Features that can be bought or removed",
        gives=AvailableFeatures,
        scope=Scope.READ,
    ),
    Route(
        method="POST",
        path="/api/subscription/features/add/",
        handler=add,
        summary="Add a feature, now or from the next period",
        takes=AddFeature,
        gives=FeatureAdded,
        scope=Scope.WRITE,
    ),
    Route(
        method="POST",
        path="/api/subscription/features/remove/",
        handler=remove,
        summary="Remove a feature from the next period on",
        takes=RemoveFeature,
        gives=FeatureRemoved,
        scope=Scope.WRITE,
    ),
)
