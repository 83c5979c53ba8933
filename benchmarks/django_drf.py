"""The Django + DRF baseline: Django, its ORM and Django REST framework under gunicorn, writing the same rows.

`python -m benchmarks.django_drf PORT` takes DATABASE_URL, BOG_CALLBACK_PUBLIC_KEY and the bank's addresses from its
environment.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import itertools
import json
import os
import secrets
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from sqlalchemy import make_url

THREADS = "4"
_url = make_url(os.environ["DATABASE_URL"])
_database = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": _url.database,
    "USER": _url.username,
    "PASSWORD": _url.password or "",
    "HOST": _url.host or _url.query.get("host", ""),
    "PORT": _url.port or "",
    "CONN_MAX_AGE": None,
}
settings.configure(
    DATABASES={"default": _database},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
    SECRET_KEY=secrets.token_hex(),
    ROOT_URLCONF=__name__,
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    REST_FRAMEWORK={
        "DEFAULT_AUTHENTICATION_CLASSES": [],
        "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    },
)  # fmt: skip
django.setup()

from django.core.wsgi import get_wsgi_application  # noqa: E402 - Django wants its settings first
from django.db import models, transaction  # noqa: E402
from django.urls import path  # noqa: E402
from rest_framework import serializers  # noqa: E402
from rest_framework.authentication import BaseAuthentication  # noqa: E402
from rest_framework.exceptions import AuthenticationFailed  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402

KEY: Any = load_pem_public_key(os.environ["BOG_CALLBACK_PUBLIC_KEY"].encode())
numbers = itertools.count(1)
bank = requests.Session()


def table(name: str) -> Callable[[type], type]:
    """A model of a table that the product's migrations have made, in which a string field is optional."""

    def make(fields: type) -> type:
        meta = type("Meta", (), {"db_table": name, "managed": False, "app_label": "bench"})
        members = {key: value for key, value in vars(fields).items() if not key.startswith("__")}
        return type(fields.__name__, (models.Model,), {**members, "Meta": meta, "__module__": __name__})

    return make


def text(**options: Any) -> Any:
    """Of any length."""
    return models.TextField(null=True, **options)


def moment() -> Any:
    """With its zone."""
    return models.DateTimeField(null=True)


@table("orders")
class Order:  # noqa: D101
    id = models.CharField(primary_key=True, max_length=25)
    idempotency_key, tenant_id, purpose, state = text(), text(), text(), text()
    currency, bank_order_id, payment_url, response_code = text(), text(), text(), text()
    plan, request, refunds, attention = text(), text(), text(default="[]"), text(default="[]")
    needs_attention = models.BooleanField(default=False)
    amount_minor, captured_minor = models.BigIntegerField(), models.BigIntegerField(null=True)
    check_at, created_at, updated_at = moment(), moment(), moment()
    version = models.IntegerField(default=1)


@table("order_steps")
class Step:  # noqa: D101
    id = models.BigAutoField(primary_key=True)
    order_id, event, source, before, after, detail = text(), text(), text(), text(), text(), text()
    at = moment()


@table("subscriptions")
class Subscription:  # noqa: D101
    tenant_id = models.CharField(primary_key=True, max_length=63)
    state, plan, time_zone = text(), text(), text()
    tenant_name, changes = text(default=""), text(default="[]")
    anchor, due_at = moment(), moment()
    anchor_period, next_period = models.IntegerField(default=0), models.IntegerField(default=0)
    grace_seconds, failures = models.IntegerField(default=0), models.IntegerField(default=0)
    version = models.IntegerField(default=1)


@table("journal")
class Entry:  # noqa: D101
    id = models.BigAutoField(primary_key=True)
    kind, tenant_id, order_id, debit, credit, currency = text(), text(), text(), text(), text(), text()
    amount_minor = models.BigIntegerField()
    at = moment()


@table("serials")
class Serial:  # noqa: D101
    series = models.CharField(primary_key=True, max_length=16)
    last = models.IntegerField()


@table("invoices")
class Invoice:  # noqa: D101
    id = models.BigAutoField(primary_key=True)
    series, tenant_id, order_id, currency, description, package_name = text(), text(), text(), text(), text(), text()
    serial, seats, amount_minor = models.IntegerField(), models.IntegerField(), models.BigIntegerField()
    issued_at = moment()


@table("inbox")
class Callback:  # noqa: D101
    digest = models.CharField(primary_key=True, max_length=64)
    outcome, verdict, order_id = text(), text(), text()
    at = moment()


@table("outbox")
class Event:  # noqa: D101
    id = models.CharField(primary_key=True, max_length=48)
    tenant_id, type, body = text(), text(), text()
    version = models.IntegerField(default=1)


@table("tokens")
class Token:  # noqa: D101
    digest = models.CharField(primary_key=True, max_length=64)
    tenant_id = text()


@table("catalogues")
class Catalogue:  # noqa: D101
    version = models.IntegerField(primary_key=True)
    document = text()


def tell(tenant: str, order_id: str, *names: str) -> None:
    """Record events."""
    body = json.dumps({"order_id": order_id})
    Event.objects.bulk_create(
        Event(id=f"{uuid.uuid4()}-{next(numbers)}", tenant_id=tenant, type=name, body=body) for name in names
    )


def step(order: Any, event: str, before: str, at: datetime) -> None:
    """Note a step."""
    Step.objects.create(order_id=order.id, at=at, event=event, source="", before=before, after=order.state, detail="")


class Webhook(APIView):
    """One callback of a payment that was made."""

    def post(self, request: Request) -> Response:
        raw = request._request.body  # noqa: SLF001 - the very bytes, before the parser
        KEY.verify(base64.b64decode(request.headers["Callback-Signature"]), raw, padding.PKCS1v15(), hashes.SHA256())
        body, now = request.data["body"], datetime.now(UTC)
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=body["external_order_id"])
            digest = hashlib.sha256(raw).hexdigest()
            Callback.objects.create(digest=digest, outcome="applied", verdict="valid", order_id=order.id, at=now)
            subscription = Subscription.objects.select_for_update().get(pk=order.tenant_id)
            subscription.state, subscription.plan, subscription.anchor = "active", order.plan, now
            subscription.next_period, subscription.due_at = 1, now + timedelta(days=21)
            subscription.version += 1
            subscription.save()
            common = {"tenant_id": order.tenant_id, "order_id": order.id, "currency": "GEL"}
            amount, tenant = order.amount_minor, f"tenant:{order.tenant_id}"
            Entry.objects.bulk_create(
                [
                    Entry(kind="payment", debit="bank", credit=tenant, amount_minor=amount, at=now, **common),
                    Entry(kind="invoice", debit=tenant, credit="revenue", amount_minor=amount, at=now, **common),
                ]
            )
            order.state, order.captured_minor, order.response_code = "completed", amount, body["payment_detail"]["code"]
            order.check_at, order.updated_at = None, now
            order.version += 1
            order.save()
            step(order, "complete", "processing", now)
            serial, _ = Serial.objects.select_for_update().get_or_create(series="DJA-2026", defaults={"last": 0})
            serial.last += 1
            serial.save()
            Invoice.objects.create(
                series=serial.series, serial=serial.last, description="EchoDesk", package_name="Start", seats=1,
                amount_minor=amount, issued_at=now, **common,
            )  # fmt: skip
            tell(order.tenant_id, order.id, "OrderCompleted", "SubscriptionActivated", "InvoiceIssued")
        return Response({"status": "success"})


class ByToken(BaseAuthentication):
    """The tenant of a token."""

    def authenticate(self, request: Request) -> tuple[Any, Any]:
        digest = hashlib.sha256(request.headers["Authorization"].removeprefix("Token ").encode()).hexdigest()
        token = Token.objects.filter(pk=digest).first()
        if token is None:
            raise AuthenticationFailed
        return token, None


class Wanted(serializers.Serializer):
    """What to buy."""

    package_id = serializers.IntegerField()
    save_card = serializers.BooleanField()


class Create(APIView):
    """An order, stored, placed at the bank, stored again."""

    authentication_classes = [ByToken]  # noqa: RUF012

    def post(self, request: Request) -> Response:
        wanted = Wanted(data=request.data)
        wanted.is_valid(raise_exception=True)
        tenant, now = request.user.tenant_id, datetime.now(UTC)
        with transaction.atomic():
            defaults = {"state": "incomplete", "time_zone": "Asia/Tbilisi"}
            Subscription.objects.get_or_create(tenant_id=tenant, defaults=defaults)
            Subscription.objects.select_for_update().get(pk=tenant)
            Catalogue.objects.order_by("-version").first()
            order = Order.objects.create(
                id=f"SUB-{secrets.token_hex(6).upper()}", idempotency_key=str(uuid.uuid4()), tenant_id=tenant,
                purpose="SUB", state="created", currency="GEL", amount_minor=14_500, request="{}",
                plan=json.dumps(wanted.data), check_at=now + timedelta(minutes=1), created_at=now, updated_at=now,
            )  # fmt: skip
            step(order, "create", "", now)
            tell(tenant, order.id, "OrderCreated")
        asked = {
            "callback_url": "https://crm.example/api/payments/webhook/",
            "external_order_id": order.id,
            "purchase_units": {
                "currency": "GEL",
                "total_amount": 145.0,
                "basket": [{"product_id": "2", "quantity": 1, "unit_price": 145.0}],
            },
            "redirect_urls": {"success": "https://crm.example/ok", "fail": "https://crm.example/no"},
        }
        headers = {"Authorization": f"Bearer {bank_token()}", "Idempotency-Key": order.idempotency_key}
        url = os.environ["BOG_API_BASE_URL"] + "/ecommerce/orders"
        answer = bank.post(url, json=asked, headers=headers, timeout=10).json()
        with transaction.atomic():
            order = Order.objects.select_for_update().get(pk=order.id)
            order.state, order.bank_order_id = "processing", answer["id"]
            order.payment_url = answer["_links"]["redirect"]["href"]
            order.version += 1
            order.save()
            step(order, "begin", "created", now)
        return Response({"order_id": order.id, "payment_url": order.payment_url, "amount": 145.0, "currency": "GEL"})


class Status(APIView):
    """What became of an order."""

    authentication_classes = [ByToken]  # noqa: RUF012

    def get(self, request: Request, order_id: str) -> Response:
        order = Order.objects.get(pk=order_id, tenant_id=request.user.tenant_id)
        amount = order.amount_minor / 100
        return Response({"order_id": order.id, "status": order.state, "amount": amount, "currency": order.currency})


@functools.cache
def bank_token() -> str:
    """Fetched once."""
    credentials = (os.environ["BOG_CLIENT_ID"], os.environ["BOG_CLIENT_SECRET"])
    form = {"grant_type": "client_credentials"}
    answer = bank.post(os.environ["BOG_AUTH_URL"], data=form, auth=credentials, timeout=10)
    return str(answer.json()["access_token"])


urlpatterns = [
    path("api/payments/webhook/", Webhook.as_view()),
    path("api/payments/create/", Create.as_view()),
    path("api/payments/status/<str:order_id>/", Status.as_view()),
]
application = get_wsgi_application()


def main() -> None:
    """Serve until killed."""
    os.execv(  # noqa: S606
        sys.executable,
        [
            sys.executable, "-m", "gunicorn", "benchmarks.django_drf:application", "--bind", f"127.0.0.1:{sys.argv[1]}",
            "--workers", "1", "--worker-class", "gthread", "--threads", THREADS, "--keep-alive", "60",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
