"""The CRM's own billing tables, filled with everything that went wrong in them, and the bank that knows better."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg
from attrs import Factory, define

from tests.integration.parts import Bank

DDL = """
CREATE TABLE django_migrations (id bigserial PRIMARY KEY, app text, name text, applied timestamptz DEFAULT now());
CREATE TABLE tenants_tenant (
    id bigserial PRIMARY KEY, schema_name varchar(63) UNIQUE NOT NULL, domain_url varchar(128) UNIQUE NOT NULL,
    name varchar(100) NOT NULL, admin_email varchar(254) NOT NULL, admin_name varchar(100) NOT NULL,
    is_active boolean NOT NULL, payment_provider varchar(20) NOT NULL, preferred_language varchar(10) NOT NULL);
CREATE TABLE tenants_feature (
    id bigserial PRIMARY KEY, key varchar(100) UNIQUE NOT NULL, name varchar(200) NOT NULL, description text NOT NULL,
    category varchar(50) NOT NULL, price_per_user_gel numeric(10,2) NOT NULL,
    price_unlimited_gel numeric(10,2) NOT NULL DEFAULT 0, icon varchar(50) NOT NULL, sort_order int NOT NULL,
    is_active boolean NOT NULL);
CREATE TABLE tenants_tenant_subscription (
    id bigserial PRIMARY KEY, tenant_id bigint UNIQUE NOT NULL, agent_count int NOT NULL, is_active boolean NOT NULL,
    starts_at timestamptz NOT NULL, expires_at timestamptz, next_billing_date timestamptz, last_billed_at timestamptz,
    is_trial boolean NOT NULL, trial_ends_at timestamptz, subscription_type varchar(20) NOT NULL,
    parent_order_id varchar(100), payment_status varchar(20) NOT NULL, failed_payment_count int NOT NULL);
CREATE TABLE tenants_tenant_subscription_selected_features (
    id bigserial PRIMARY KEY, tenantsubscription_id bigint NOT NULL, feature_id bigint NOT NULL);
CREATE TABLE tenants_saved_card (
    id bigserial PRIMARY KEY, tenant_id bigint NOT NULL, parent_order_id varchar(100) UNIQUE NOT NULL,
    card_save_type varchar(20) NOT NULL, card_type varchar(20) NOT NULL, masked_card_number varchar(20) NOT NULL,
    card_expiry varchar(7) NOT NULL, saved_at timestamptz NOT NULL, is_active boolean NOT NULL,
    is_default boolean NOT NULL);
CREATE TABLE tenants_payment_order (
    id bigserial PRIMARY KEY, order_id varchar(100) UNIQUE NOT NULL, bog_order_id varchar(100), tenant_id bigint,
    amount numeric(10,2) NOT NULL, currency varchar(3) NOT NULL, agent_count int NOT NULL, status varchar(20) NOT NULL,
    payment_url varchar(500) NOT NULL, card_saved boolean NOT NULL, metadata jsonb, created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL, paid_at timestamptz);
CREATE TABLE tenants_payment_attempt (
    id bigserial PRIMARY KEY, payment_order_id bigint NOT NULL, subscription_id bigint, tenant_id bigint NOT NULL,
    attempt_number int NOT NULL, status varchar(20) NOT NULL, bog_order_id varchar(255) NOT NULL,
    amount numeric(10,2) NOT NULL, attempted_at timestamptz NOT NULL, bog_error_code varchar(50) NOT NULL,
    bog_response jsonb NOT NULL, is_retry boolean NOT NULL, parent_attempt_id bigint);
CREATE TABLE tenants_payment_retry_schedule (id bigserial PRIMARY KEY, tenant_id bigint, status varchar(20));
CREATE TABLE tenants_invoice (
    id bigserial PRIMARY KEY, invoice_number varchar(100) UNIQUE NOT NULL, tenant_id bigint NOT NULL,
    payment_order_id bigint UNIQUE NOT NULL, amount numeric(10,2) NOT NULL, currency varchar(3) NOT NULL,
    description text NOT NULL, agent_count int NOT NULL, invoice_date timestamptz NOT NULL, due_date date,
    paid_date timestamptz, pdf_generated boolean NOT NULL, pdf_url varchar(500) NOT NULL);
CREATE TABLE tenants_pending_registration (
    id bigserial PRIMARY KEY, schema_name varchar(63) UNIQUE NOT NULL, name varchar(100) NOT NULL,
    admin_email varchar(254) NOT NULL, admin_password varchar(255) NOT NULL, admin_first_name varchar(100) NOT NULL,
    admin_last_name varchar(100) NOT NULL, preferred_language varchar(5) NOT NULL, agent_count int NOT NULL,
    order_id varchar(100) NOT NULL DEFAULT '', is_processed boolean NOT NULL, created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL);
CREATE TABLE tenants_pending_registration_selected_features (
    id bigserial PRIMARY KEY, pendingregistration_id bigint NOT NULL, feature_id bigint NOT NULL);
CREATE TABLE tenants_subscription_event (
    id bigserial PRIMARY KEY, subscription_id bigint NOT NULL, tenant_id bigint NOT NULL,
    event_type varchar(30) NOT NULL, created_at timestamptz NOT NULL);
"""
FEATURES = (
    ("core", "Core", "core", "0.00", True),
    ("tickets", "Tickets", "core", "5.00", True),
    ("calls", "Calls", "communication", "7.00", True),
    ("booking", "Booking", "integration", "3.50", True),
    ("telegraph", "Telegraph", "communication", "1.00", False),
)
MONTHLY = {"core": 1, "tickets": 2, "calls": 3}
"""Three features, 12.00 a seat; ten seats are 120.00."""


@define
class OldCrm:
    """The database of the CRM, and its account at the bank."""

    url: str
    connection: asyncpg.Connection
    bank: Bank
    now: datetime
    token: str = ""
    tenants: dict[str, int] = Factory(dict)
    orders: dict[str, int] = Factory(dict)
    subscriptions: dict[str, int] = Factory(dict)
    parents: dict[str, str] = Factory(dict)

    @classmethod
    async def create(cls, url: str, bank: Bank, *, migration: str = "0050_paddle_multi_provider") -> OldCrm:
        """The empty tables, as of a migration."""
        connection = await asyncpg.connect(url)
        now = datetime.fromisoformat((await bank.control("GET", "clock"))["now"])
        crm = cls(url, connection, bank, now)
        await connection.execute(DDL)
        for name in ("0001_initial", migration):
            await connection.execute("INSERT INTO django_migrations (app, name) VALUES ('tenants', $1)", name)
        for number, (key, name, category, price, is_active) in enumerate(FEATURES, 1):
            await crm._insert(
                "tenants_feature",
                id=number,
                key=key,
                name=name,
                description="",
                category=category,
                price_per_user_gel=Decimal(price),
                icon="",
                sort_order=number,
                is_active=is_active,
            )
        async with bank.http.post(
            f"{bank.url}/auth/realms/bog/protocol/openid-connect/token",
            data={"grant_type": "client_credentials", "client_id": "demo", "client_secret": "demo"},
        ) as response:
            crm.token = (await response.json())["access_token"]
        return crm

    def days(self, number: float) -> datetime:
        """So many days from now; before now where it is negative."""
        return self.now + timedelta(days=number)

    # At the bank.

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.bank.url}/payments/v1{path}"
        async with self.bank.http.request(method, url, json=body, headers=headers) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.content_type == "application/json" else None

    async def at_bank(self, order_id: str, amount: str, *, saves: str = "", pays: bool = True) -> str:
        """An order at the bank; its card is saved for `subscriptions` or `cards`."""
        made = await self.call(
            "POST",
            "/ecommerce/orders",
            {
                "callback_url": "http://127.0.0.1:9/nobody-listens",
                "external_order_id": order_id,
                "purchase_units": {
                    "currency": "GEL",
                    "total_amount": float(amount),
                    "basket": [{"quantity": 1, "unit_price": float(amount), "product_id": "subscription"}],
                },
                "ttl": 1440,
            },
        )
        bank_id: str = made["id"]
        if saves:
            await self.call("PUT", f"/orders/{bank_id}/{saves}")
        if pays:
            await self.bank.pay(bank_id)
        return bank_id

    async def charged(self, parent: str, order_id: str) -> str:
        """An automatic charge of a saved card at the bank: of the parent's amount, whatever the CRM believes."""
        body = {"callback_url": "http://127.0.0.1:9/nobody-listens", "external_order_id": order_id}
        made = await self.call("POST", f"/ecommerce/orders/{parent}/subscribe", body)
        await self.bank.control("POST", "clock", {"advance": 0.1})
        charged: str = made["id"]
        return charged

    # In the tables.

    async def _insert(self, table: str, **values: Any) -> int:
        names, numbers = ", ".join(values), ", ".join(f"${number}" for number in range(1, len(values) + 1))
        query = f"INSERT INTO {table} ({names}) VALUES ({numbers}) RETURNING id"  # noqa: S608 - names of this file
        made: int = await self.connection.fetchval(query, *values.values())
        return made

    async def tenant(self, schema: str, **changes: Any) -> int:
        values = {
            "schema_name": schema,
            "domain_url": f"{schema.replace('_', '-')}.echodesk.ge",
            "name": schema.replace("_", " ").title(),
            "admin_email": f"admin@{schema.replace('_', '-')}.ge",
            "admin_name": "Nino",
            "is_active": True,
            "payment_provider": "bog",
            "preferred_language": "ka",
        }
        self.tenants[schema] = await self._insert("tenants_tenant", **{**values, **changes})
        return self.tenants[schema]

    async def subscription(self, schema: str, features: dict[str, int] | None = None, **changes: Any) -> int:
        values = {
            "tenant_id": self.tenants[schema],
            "agent_count": 10,
            "is_active": True,
            "starts_at": self.days(-100),
            "expires_at": None,
            "next_billing_date": None,
            "last_billed_at": None,
            "is_trial": False,
            "trial_ends_at": None,
            "subscription_type": "paid",
            "parent_order_id": None,
            "payment_status": "current",
            "failed_payment_count": 0,
        }
        made = await self._insert("tenants_tenant_subscription", **{**values, **changes})
        for feature in (MONTHLY if features is None else features).values():
            table = "tenants_tenant_subscription_selected_features"
            await self._insert(table, tenantsubscription_id=made, feature_id=feature)
        self.subscriptions[schema] = made
        return made

    async def order(self, schema: str | None, prefix: str, amount: str, days: float, **changes: Any) -> str:
        """A row of an order; gives its id. It is paid, unless the changes say otherwise."""
        metadata = changes.pop("metadata", {})
        order_id = changes.pop("order_id", f"{prefix}-{secrets.token_hex(6).upper()}")
        values = {
            "order_id": order_id,
            "bog_order_id": None,
            "tenant_id": self.tenants[schema] if schema else None,
            "amount": Decimal(amount),
            "currency": "GEL",
            "agent_count": 1,
            "status": "paid",
            "payment_url": "",
            "card_saved": False,
            "metadata": None if metadata is None else json.dumps(metadata),
            "created_at": self.days(days),
            "updated_at": self.days(days),
            "paid_at": self.days(days),
        }
        self.orders[order_id] = await self._insert("tenants_payment_order", **{**values, **changes})
        return order_id

    async def first_payment(self, schema: str, days: float, amount: str = "120.00", prefix: str = "SUB") -> str:
        """A paid order that saved its card at the bank, and the row of the card; gives the bank's id."""
        order_id = f"{prefix}-{secrets.token_hex(6).upper()}"
        parent = await self.at_bank(order_id, amount, saves="subscriptions")
        await self.order(schema, prefix, amount, days, order_id=order_id, bog_order_id=parent, card_saved=True)
        await self.card(schema, parent, saved_at=self.days(days))
        self.parents[schema] = parent
        return parent

    async def paying(self, schema: str, amount: str = "120.00", **changes: Any) -> str:
        """A tenant that bought 40 days ago, was billed 18 days ago and is paid for 12 more; gives its card's parent."""
        features = changes.pop("features", None)
        await self.tenant(schema, **changes.pop("tenant", {}))
        first = changes.pop("first", -40)
        parent = await self.first_payment(schema, first, amount, changes.pop("prefix", "SUB"))
        values = {
            "starts_at": self.days(first),
            "expires_at": self.days(12),
            "next_billing_date": self.days(12),
            "last_billed_at": self.days(-18),
            "parent_order_id": parent,
        }
        await self.subscription(schema, features, **{**values, **changes})
        return parent

    async def card(self, schema: str, parent: str, **changes: Any) -> int:
        values = {
            "tenant_id": self.tenants[schema],
            "parent_order_id": parent,
            "card_save_type": "subscription",
            "card_type": "visa",
            "masked_card_number": "400000***0001",
            "card_expiry": "12/30",
            "saved_at": self.days(-40),
            "is_active": True,
            "is_default": True,
        }
        return await self._insert("tenants_saved_card", **{**values, **changes})

    async def attempt(self, schema: str, order_id: str, amount: str, days: float, **changes: Any) -> int:
        values = {
            "payment_order_id": self.orders[order_id],
            "subscription_id": self.subscriptions.get(schema),
            "tenant_id": self.tenants[schema],
            "attempt_number": 1,
            "status": "success",
            "bog_order_id": "",
            "amount": Decimal(amount),
            "attempted_at": self.days(days),
            "bog_error_code": "",
            "bog_response": "{}",
            "is_retry": False,
            "parent_attempt_id": None,
        }
        return await self._insert("tenants_payment_attempt", **{**values, **changes})

    async def invoice(
        self, schema: str, order_id: str, amount: str, days: float, number: str, pdf_url: str = ""
    ) -> int:
        return await self._insert(
            "tenants_invoice",
            invoice_number=number,
            tenant_id=self.tenants[schema],
            payment_order_id=self.orders[order_id],
            amount=Decimal(amount),
            currency="GEL",
            description="Subscription",
            agent_count=10,
            invoice_date=self.days(days),
            due_date=None,
            paid_date=self.days(days),
            pdf_generated=bool(pdf_url),
            pdf_url=pdf_url,
        )

    async def event(self, schema: str, event_type: str, days: float) -> int:
        return await self._insert(
            "tenants_subscription_event",
            subscription_id=self.subscriptions[schema],
            tenant_id=self.tenants[schema],
            event_type=event_type,
            created_at=self.days(days),
        )

    async def registration(self, schema: str, order_id: str, expires_in_days: float) -> int:
        made = await self._insert(
            "tenants_pending_registration",
            schema_name=schema,
            name=schema.title(),
            admin_email=f"admin@{schema}.ge",
            admin_password="pbkdf2_sha256$600000$salt$hash",
            admin_first_name="Nino",
            admin_last_name="Beridze",
            preferred_language="ka",
            agent_count=10,
            order_id=order_id,
            is_processed=False,
            created_at=self.days(-3),
            expires_at=self.days(expires_in_days),
        )
        for feature in MONTHLY.values():
            table = "tenants_pending_registration_selected_features"
            await self._insert(table, pendingregistration_id=made, feature_id=feature)
        return made


async def fill(crm: OldCrm) -> None:
    """Twenty-one tenants with a trap each, and what belongs to no tenant."""
    await _plain(crm)
    await _states(crm)
    await _cards(crm)
    await _contradictions(crm)
    await _others(crm)


async def _plain(crm: OldCrm) -> None:
    # It registered: the order that saved its card has no tenant.
    parent = await crm.paying("acme", prefix="REG")
    await crm.connection.execute(
        "UPDATE tenants_payment_order SET tenant_id = NULL, metadata = $1 WHERE bog_order_id = $2",
        json.dumps({"registration": True, "schema_name": "acme", "subscription_amount": 120.0}),
        parent,
    )
    last = await crm.order(
        "acme",
        "REC",
        "120.00",
        -18,
        bog_order_id=await crm.charged(parent, "REC-ACME00000001"),
        order_id="REC-ACME00000001",
    )
    await crm.invoice("acme", last, "120.00", -18, "INV-202511-0007", "https://files.example/INV-202511-0007.pdf")
    # The two dates differ; a feature that is not sold any more; a subdomain that is not the schema name.
    await crm.paying(
        "late_dates",
        "130.00",
        expires_at=crm.days(2),
        features={**MONTHLY, "telegraph": 5},
        tenant={"domain_url": "latecomer.echodesk.ge", "preferred_language": "en", "admin_email": "no address"},
    )
    # A charge that the dates do not show.
    parent = await crm.paying(
        "unbilled", expires_at=crm.days(1), next_billing_date=crm.days(1), last_billed_at=crm.days(-29)
    )
    await crm.order(
        "unbilled",
        "REC",
        "120.00",
        -2,
        order_id="REC-UNBILLED0001",
        bog_order_id=await crm.charged(parent, "REC-UNBILLED0001"),
    )
    # A retry that no payment order has.
    parent = await crm.paying(
        "retried", expires_at=crm.days(-1), next_billing_date=crm.days(-1), last_billed_at=crm.days(-31)
    )
    failed = await crm.order("retried", "REC", "120.00", -4, status="failed", paid_at=None, bog_order_id="")
    again = await crm.charged(parent, "RETRY-1-REC-0123456789AB")
    await crm.attempt("retried", failed, "120.00", -3.8, bog_order_id=again, is_retry=True)
    # Seats were rounded up to tens: the card repeats what 13 seats cost, the CRM believed in 20.
    parent = await crm.paying("rounded", "156.00", agent_count=20)
    charged = await crm.charged(parent, "REC-ROUNDED00001")
    last = await crm.order("rounded", "REC", "240.00", -18, order_id="REC-ROUNDED00001", bog_order_id=charged)
    await crm.invoice("rounded", last, "240.00", -18, "INV-202511-0009")


async def _states(crm: OldCrm) -> None:
    await crm.paying(
        "overdue",
        expires_at=crm.days(-20),
        next_billing_date=None,
        last_billed_at=crm.days(-52),
        first=-80,
        payment_status="retrying",
    )
    await crm.paying(
        "suspended", is_active=False, expires_at=crm.days(-9), next_billing_date=crm.days(-9), payment_status="failed"
    )
    await crm.event("suspended", "suspended", -2)
    await crm.paying("cancelled", is_active=False)
    await crm.event("cancelled", "suspended", -60)  # long before its last payment
    await crm.paying(
        "ended",
        is_active=False,
        expires_at=crm.days(-70),
        next_billing_date=None,
        last_billed_at=crm.days(-102),
        first=-130,
    )
    await crm.paying("vip", expires_at=crm.days(2000), next_billing_date=crm.days(2000))
    await crm.paying("no_dates", expires_at=None, next_billing_date=None, last_billed_at=None)
    await crm.tenant("trialing")
    await crm.order("trialing", "TRIAL", "0.00", -4, metadata=None)
    ends = {"expires_at": crm.days(10), "trial_ends_at": crm.days(10), "is_trial": True, "subscription_type": "trial"}
    await crm.subscription("trialing", starts_at=crm.days(-4), **ends)


async def _cards(crm: OldCrm) -> None:
    # The parent is an order of 0.00: a mandate for nothing.
    await crm.tenant("cardless")
    parent = str(uuid.uuid4())
    await crm.order("cardless", "TRIAL", "0.00", -40, bog_order_id=parent)
    await crm.card("cardless", parent, masked_card_number="", card_type="", card_expiry="")
    await crm.subscription("cardless", expires_at=crm.days(9), last_billed_at=crm.days(-21), parent_order_id=parent)
    # The parent is a small pro-rated order.
    await crm.tenant("prorated")
    parent = await crm.first_payment("prorated", -30, "4.20", "FEAT")
    await crm.connection.execute(
        "UPDATE tenants_payment_order SET metadata = $1 WHERE bog_order_id = $2",
        json.dumps({"feature_key": "calls", "feature_id": 3, "prorated_cost": 4.2}),
        parent,
    )
    await crm.subscription("prorated", expires_at=crm.days(9), last_billed_at=crm.days(-21), parent_order_id=parent)
    # The default card is not the one that is charged.
    parent = await crm.paying("two_cards")
    other = await crm.at_bank("ECARD-0000000000AA", "1.00", saves="cards")
    await crm.order("two_cards", "ECARD", "1.00", -5, order_id="ECARD-0000000000AA", bog_order_id=other)
    await crm.connection.execute("UPDATE tenants_saved_card SET is_default = false WHERE parent_order_id = $1", parent)
    await crm.card("two_cards", other, masked_card_number="530000***0001")
    # The card was removed in the CRM, and the bank was never told.
    parent = await crm.paying("removed")
    await crm.connection.execute("UPDATE tenants_saved_card SET is_active = false WHERE parent_order_id = $1", parent)
    # What is charged is not among the saved cards.
    parent = await crm.paying("unlisted")
    await crm.connection.execute("DELETE FROM tenants_saved_card WHERE parent_order_id = $1", parent)


async def _contradictions(crm: OldCrm) -> None:
    # Bought again a day later, and nothing came of it.
    await crm.paying("bought_twice")
    twice = await crm.at_bank("SUB-BOUGHT000002", "120.00")
    await crm.order("bought_twice", "SUB", "120.00", -1, order_id="SUB-BOUGHT000002", bog_order_id=twice)
    # The bank gave the last payment back, and the row still says paid.
    parent = await crm.paying("gave_back")
    charged = await crm.charged(parent, "REC-GAVEBACK0001")
    await crm.order("gave_back", "REC", "120.00", -18, order_id="REC-GAVEBACK0001", bog_order_id=charged)
    await crm.call("POST", f"/payment/refund/{charged}", {})
    await crm.bank.control("POST", "clock", {"advance": 2})
    # The bank was paid, and the rows still wait: one on its page, one that never reached the bank.
    await crm.paying("waiting", expires_at=crm.days(1), next_billing_date=crm.days(1), last_billed_at=crm.days(-29))
    manual = await crm.at_bank("MAN-WAITING00001", "120.00")
    open_row = {"status": "pending", "paid_at": None}
    await crm.order("waiting", "MAN", "120.00", -0.1, order_id="MAN-WAITING00001", bog_order_id=manual, **open_row)
    await crm.order("waiting", "SUB", "120.00", -0.2, order_id="SUB-WAITING00002", metadata=None, **open_row)
    # Two rows with one of the bank's ids, and one that the bank does not know.
    parent = await crm.paying("one_payment")
    await crm.order("one_payment", "MAN", "120.00", -39.9, order_id="MAN-ONEPAYMENT01", bog_order_id=parent)
    nowhere = str(uuid.uuid4())
    await crm.order("one_payment", "MAN", "120.00", -80, order_id="MAN-ONEPAYMENT02", bog_order_id=nowhere)
    # Rows of another provider; a feature that was paid and is not selected.
    await crm.paying("flitt")
    await crm.order("flitt", "", "120.00", -30, order_id=str(uuid.uuid4()))
    feature = await crm.at_bank("FEAT-FLITT0000001", "2.10")
    paid_for = {"feature_key": "booking", "feature_id": 4, "prorated_cost": 2.1}
    await crm.order("flitt", "FEAT", "2.10", -7, order_id="FEAT-FLITT0000001", bog_order_id=feature, metadata=paid_for)
    # An automatic charge is under way.
    parent = await crm.paying(
        "charging", expires_at=crm.days(1), next_billing_date=crm.days(1), last_billed_at=crm.days(-29)
    )
    await crm.order(
        "charging", "REC", "120.00", -0.01, order_id="REC-CHARGING0001", bog_order_id=str(uuid.uuid4()), **open_row
    )


async def _others(crm: OldCrm) -> None:
    await crm.tenant("public", domain_url="echodesk.ge")
    await crm.tenant("paddle_co", payment_provider="paddle")
    await crm.subscription("paddle_co", expires_at=crm.days(3))
    paid = await crm.at_bank("REG-NEWCOMER0001", "120.00")
    await crm.order(
        None, "REG", "120.00", -3, order_id="REG-NEWCOMER0001", bog_order_id=paid, metadata={"schema_name": "newcomer"}
    )
    await crm.registration("newcomer", "REG-NEWCOMER0001", -2)
    late = await crm.at_bank("REG-LATE00000001", "120.00", pays=False)
    await crm.order(
        None, "REG", "120.00", 0, order_id="REG-LATE00000001", bog_order_id=late, status="pending", paid_at=None
    )
    await crm.registration("late", "REG-LATE00000001", 0.04)
    gone = await crm.at_bank("REG-GONE00000001", "120.00", pays=False)
    await crm.order(
        None, "REG", "120.00", -9, order_id="REG-GONE00000001", bog_order_id=gone, status="pending", paid_at=None
    )
    await crm.registration("gone", "REG-GONE00000001", -8)
    ghost = await crm.at_bank("REG-GHOST0000001", "120.00")
    await crm.order(
        None, "REG", "120.00", -50, order_id="REG-GHOST0000001", bog_order_id=ghost, metadata={"schema_name": "ghost"}
    )
