"""Trials: free access to a plan, once per tenant."""

from __future__ import annotations

from datetime import datetime

from echodesk_billing.domain.catalogue.pricing import Plan
from echodesk_billing.domain.errors import TrialRefused
from echodesk_billing.domain.events import Event, TrialStarted
from echodesk_billing.domain.subscriptions import lifecycle
from echodesk_billing.domain.subscriptions.lifecycle import SubscriptionState
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription


def start_trial(subscription: Subscription, plan: Plan, policy: RenewalPolicy, at: datetime) -> list[Event]:
    """Start the free trial of `plan`, once per tenant, for the configured time.

    Raises:
        TrialRefused: trials are disabled, or the tenant already had one or a subscription.
    """
    if not policy.trial:
        raise TrialRefused("There are no trials")
    if subscription.state is not SubscriptionState.INCOMPLETE:
        was = f"{subscription.subject} is {subscription.state}"
        raise TrialRefused(f"{was}: a trial comes before everything else, once")
    lifecycle.fire(subscription, "start_trial")
    ends_at = at + policy.trial
    subscription.term = subscription.term.anchored(ends_at)
    subscription.start_plan(plan, at)
    subscription.tended_at = at
    subscription.trial_ends_at = ends_at
    return [TrialStarted(tenant_id=subscription.tenant_id, at=at, plan_name=plan.name, ends_at=ends_at)]
