"""Changing what a tenant has: packages, seats, features; now or from the next period."""

from __future__ import annotations

from attrs import evolve

from echodesk_billing.application.changes import When
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.entrypoints.web.calls import Call, whole_number
from echodesk_billing.entrypoints.web.schemas import (
    AddFeature,
    AvailableFeatures,
    ChangeSeats,
    Done,
    FeatureAdded,
    FeatureRemoved,
    Nothing,
    PlanChanged,
    RemoveFeature,
    Upgrade,
    UpgradePreview,
)


async def preview(call: Call[Nothing]) -> UpgradePreview:
    """`GET /api/upgrade/preview/?package_id=&agent_count=`."""
    asked = ((name, call.request.query.get(name)) for name in ("package_id", "agent_count"))
    package_id, seats = (None if text is None else whole_number(text, name) for name, text in asked)
    wanted = Upgrade(package_id=package_id, agent_count=seats)
    return UpgradePreview.of(await call.uses.change_plan.preview(call.who, wanted.selection))


async def immediate(call: Call[Upgrade]) -> PlanChanged:
    """`POST /api/upgrade/immediate/`."""
    changed = await call.uses.change_plan.change(call.who, call.body.selection, When.NOW, key=call.key)
    return PlanChanged.of(changed)


async def scheduled(call: Call[Upgrade]) -> PlanChanged:
    """`POST /api/upgrade/scheduled/`."""
    changed = await call.uses.change_plan.change(
        call.who, call.body.selection, When.LATER, effective=call.body.effective()
    )
    return PlanChanged.of(changed)


async def cancel_scheduled(call: Call[Nothing]) -> Done:
    """`POST /api/upgrade/cancel-scheduled/`."""
    await call.uses.change_plan.drop_schedule(call.who)
    return Done(message="The scheduled change was dropped.")


async def seats(call: Call[ChangeSeats]) -> PlanChanged:
    """`PUT /api/subscription/agent-count/`: more at once, fewer from the next period."""

    def wanted(has: Selection) -> Selection:
        return evolve(has, seats=call.body.agent_count)

    changed = await call.uses.change_plan.change(call.who, wanted, When.NOW_IF_DEARER, key=call.key)
    return PlanChanged.of(changed)


async def available_features(call: Call[Nothing]) -> AvailableFeatures:
    """`GET /api/subscription/features/available/`."""
    return AvailableFeatures.of(await call.uses.views.subscription(call.who))


async def add_feature(call: Call[AddFeature]) -> FeatureAdded:
    """`POST /api/subscription/features/add/`."""
    when = When.NOW if call.body.charge_immediately else When.LATER
    feature, changed = await call.uses.change_plan.add_feature(call.who, call.body.feature_id, when, key=call.key)
    return FeatureAdded.of(feature, changed, await call.uses.clock.now())


async def remove_feature(call: Call[RemoveFeature]) -> FeatureRemoved:
    """`POST /api/subscription/features/remove/`."""
    feature, changed = await call.uses.change_plan.remove_feature(call.who, call.body.feature_id)
    return FeatureRemoved.of(feature, changed)
