"""Billing in Django's admin: lists and details that only read, and acts that run the use cases of billing.

Who may do what is decided by Django's permissions, `view_order`, `refund_order` and the like, of users and groups.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from attrs import frozen
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from echodesk_billing.django import admin_pages as pages
from echodesk_billing.django import models
from echodesk_billing.django.admin_parts import Details, Listing
from echodesk_billing.django.runtime import CalledInTransaction, runtime
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.subscriptions.gifts import MOST_DAYS


class RefundForm(forms.Form):
    """A refund; nothing in `amount` is everything that is left."""

    amount = forms.DecimalField(required=False, max_digits=12, decimal_places=2, min_value=Decimal("0.01"))
    reason = forms.CharField(max_length=200)


class ResolveForm(forms.Form):
    """A note on what was found and done."""

    note = forms.CharField(max_length=1000, widget=forms.Textarea(attrs={"rows": 3}))


class DaysForm(forms.Form):
    """Days of access."""

    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS)
    reason = forms.CharField(max_length=200)


class UntilForm(forms.Form):
    """A day, or none for no end."""

    until = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    reason = forms.CharField(max_length=200)


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(max_length=200)


@frozen(kw_only=True)
class Act:
    """Something that an operator may do to what a page shows.

    Args:
        permission: the codename of the permission that it needs.
        needs_attention: it is possible only where something needs attention.
        run: of the object's id, the cleaned form, the key of this form, and who does it; returns what to tell.
    """

    name: str
    title: str
    permission: str
    run: Callable[[str, dict[str, Any], str, str], str]
    form: type[forms.Form] = forms.Form
    help: str = ""
    needs_attention: bool = False


def _refund(order_id: str, given: dict[str, Any], key: str, by: str) -> str:
    order = runtime().billing.refund(order_id, given["amount"], reason=given["reason"], refund_id=key, by=by)
    amount = given["amount"] or "all that was left"
    return f"The refund of {amount} is requested; the bank executes it later. {order.id} is {order.state}."


def _resolve(order_id: str, given: dict[str, Any], _key: str, by: str) -> str:
    runtime().billing.resolve(order_id, given["note"], by=by)
    return f"{order_id} needs no attention any more."


def _give_days(tenant_id: str, given: dict[str, Any], key: str, by: str) -> str:
    subscription = runtime().billing.give_days(tenant_id, given["days"], given["reason"], key=key, by=by)
    return f"{tenant_id} is {subscription.state}, until {subscription.paid_until:%Y-%m-%d %H:%M} UTC."


def _retry(tenant_id: str, _given: dict[str, Any], _key: str, by: str) -> str:
    order = runtime().billing.retry_charge(tenant_id, by=by)
    return f"{order.id} charges {order.amount}."


def _pause(tenant_id: str, given: dict[str, Any], _key: str, by: str) -> str:
    subscription = runtime().billing.pause(tenant_id, given["reason"], until=given["until"], by=by)
    return f"{tenant_id} is paused from {subscription.paid_until:%Y-%m-%d}."


def _resume(tenant_id: str, given: dict[str, Any], _key: str, by: str) -> str:
    subscription = runtime().billing.resume(tenant_id, reason=given["reason"], by=by)
    return f"{tenant_id} is {subscription.state}."


def _make_complimentary(tenant_id: str, given: dict[str, Any], _key: str, by: str) -> str:
    runtime().billing.make_complimentary(tenant_id, given["reason"], until=given["until"], by=by)
    until = given["until"]
    return f"{tenant_id} is charged nothing {f'until {until}' if until else 'any more'}."


if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin  # generic for type checkers only


class BillingAdmin(_ModelAdmin):
    """A list and details of something of billing, read only."""

    listing: Callable[[dict[str, str]], Listing]
    details: Callable[[str], Details | None]
    acts: Sequence[Act] = ()

    def get_urls(self) -> list[Any]:
        """The list, the details, and the acts."""
        meta, wrap = self.model._meta, self.admin_site.admin_view
        name = f"{meta.app_label}_{meta.model_name}"
        return [
            path("", wrap(self.changelist_view), name=f"{name}_changelist"),
            path("<path:object_id>/change/", wrap(self.change_view), name=f"{name}_change"),
            path("<path:object_id>/<slug:act>/", wrap(self.act_view), name=f"{name}_act"),
        ]

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Nothing is added here."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nothing is changed but by acts."""
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """Nothing is deleted here."""
        return False

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:  # noqa: ARG002
        """A page of the list."""
        self._require_view(request)
        asked = {name: str(value) for name, value in request.GET.items() if "\0" not in str(value)}
        try:
            shown = type(self).listing(asked)
        except (BillingError, ValueError) as error:
            messages.error(request, str(error))
            shown = type(self).listing({})
        older = urlencode({**{name: asked[name] for name in shown.filters if asked.get(name)}, "after": shown.next})
        return self._render(request, "list", {"shown": shown, "older": older if shown.next else "", "asked": asked})

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",  # noqa: ARG002
        extra_context: dict[str, Any] | None = None,  # noqa: ARG002
    ) -> HttpResponse:
        """The details of one."""
        self._require_view(request)
        shown = self._details(object_id)
        acts = [act for act in self._allowed(request) if shown.warnings or not act.needs_attention]
        return self._render(request, "details", {"shown": shown, "acts": acts})

    @transaction.non_atomic_requests
    def act_view(self, request: HttpRequest, object_id: str, act: str) -> HttpResponse:
        """The form of an act, and the act. A form that is submitted twice acts once."""
        self._require_view(request)
        chosen = next((one for one in self.acts if one.name == act), None)
        if chosen is None:
            raise Http404
        if chosen not in self._allowed(request):
            raise PermissionDenied
        shown = self._details(object_id)
        form = chosen.form(request.POST if request.method == "POST" else None)
        if form.is_valid():
            key = _key(request.POST.get("key", ""))
            try:
                told = chosen.run(object_id, form.cleaned_data, key, f"django:{request.user.get_username()}")
            except CalledInTransaction:
                raise
            except BillingError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, told)
                meta = self.model._meta
                name = f"admin:{meta.app_label}_{meta.model_name}_change"
                there = reverse(name, args=(object_id,), current_app=self.admin_site.name)
                return HttpResponseRedirect(there)
        fresh = _key(request.POST.get("key", ""))
        return self._render(request, "act", {"shown": shown, "act": chosen, "form": form, "key": fresh})

    def _details(self, object_id: str) -> Details:
        shown = type(self).details(object_id) if "\0" not in object_id else None
        if shown is None:
            raise Http404
        return shown

    def _require_view(self, request: HttpRequest) -> None:
        if not self.has_view_permission(request):
            raise PermissionDenied

    def _allowed(self, request: HttpRequest) -> list[Act]:
        user: Any = request.user  # of the project
        label = self.model._meta.app_label
        return [act for act in self.acts if user.has_perm(f"{label}.{act.permission}")]

    def _render(self, request: HttpRequest, page: str, values: dict[str, Any]) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.model._meta, **values}
        vars(request)["current_app"] = self.admin_site.name
        return TemplateResponse(request, f"admin/echodesk_billing/{page}.html", context)


def _key(given: str) -> str:
    """The key of a form, so that submitting it twice acts once."""
    try:
        return str(uuid.UUID(given))
    except ValueError:
        return str(uuid.uuid4())


@admin.register(models.Customer)
class CustomerAdmin(BillingAdmin):
    """Customers."""

    listing = staticmethod(pages.customers)
    details = staticmethod(pages.customer)


@admin.register(models.Subscription)
class SubscriptionAdmin(BillingAdmin):
    """Subscriptions."""

    listing = staticmethod(pages.subscriptions)
    details = staticmethod(pages.subscription)
    acts = (
        Act(name="give-days", title="Give days", permission="give_days", run=_give_days, form=DaysForm),
        Act(
            name="pause",
            title="Pause",
            permission="pause_subscription",
            run=_pause,
            form=UntilForm,
            help="It begins when the paid time ends. Without a day it lasts until it is resumed.",
        ),
        Act(name="resume", title="Resume", permission="pause_subscription", run=_resume, form=ReasonForm),
        Act(
            name="complimentary",
            title="Make complimentary",
            permission="make_complimentary",
            run=_make_complimentary,
            form=UntilForm,
            help="Nothing is charged after the paid time. On the day it is charged again; without a day, never.",
        ),
        Act(
            name="retry",
            title="Charge the card now",
            permission="retry_charge",
            run=_retry,
            help="The default card is charged for the period that is owed.",
        ),
    )


@admin.register(models.Order)
class OrderAdmin(BillingAdmin):
    """Payments."""

    listing = staticmethod(pages.orders)
    details = staticmethod(pages.order)
    acts = (
        Act(
            name="refund",
            title="Refund",
            permission="refund_order",
            run=_refund,
            form=RefundForm,
            help="Leave the amount empty to give everything back that is left.",
        ),
        Act(
            name="resolve",
            title="Resolve",
            permission="resolve_order",
            run=_resolve,
            form=ResolveForm,
            needs_attention=True,
        ),
    )


@admin.register(models.Invoice)
class InvoiceAdmin(BillingAdmin):
    """Invoices."""

    listing = staticmethod(pages.invoices)
    details = staticmethod(pages.invoice)


@admin.register(models.Card)
class CardAdmin(BillingAdmin):
    """Saved cards."""

    listing = staticmethod(pages.cards)
    details = staticmethod(pages.card)


@admin.register(models.Callback)
class CallbackAdmin(BillingAdmin):
    """Callbacks that changed nothing."""

    listing = staticmethod(pages.callbacks)
    details = staticmethod(pages.callback)
