"""Moving in: customers of the CRM's own billing become customers here."""

from __future__ import annotations

import enum
import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog
from attrs import evolve, frozen

from echodesk_billing.application.customers import holder_of
from echodesk_billing.domain.catalogue.catalogue import Catalogue
from echodesk_billing.domain.customers.customer import Customer
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.domain.events import SubscriptionImported
from echodesk_billing.domain.importing.findings import Decision
from echodesk_billing.domain.importing.plan import OURS, ImportPlan, RegistrationPlan, plan_import
from echodesk_billing.domain.importing.records import OldAttempt, OldTables
from echodesk_billing.domain.importing.rules import NOT_ASKED, ImportRules, Receipts
from echodesk_billing.domain.importing.tenants import TenantPlan
from echodesk_billing.domain.importing.verification import Difference, Stored, differences
from echodesk_billing.domain.orders.report import BankReport
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.domain.subscriptions.subscription import Subscription
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.gateway import Gateway, MalformedCallback, find_receipt, require_configured
from echodesk_billing.ports.old_tables import OldTablesSource
from echodesk_billing.ports.storage import Storage, UnitOfWork
from echodesk_billing.ports.vault import Vault

log = structlog.get_logger()

MOST_INVOICES = 10_000
MOST_ENTRIES = 10_000


class ImportRefused(BillingError):
    """A tenant cannot be imported; the message says why. Nothing of it was written."""


class Outcome(enum.StrEnum):
    """What the import did with one tenant."""

    IMPORTED = "imported"
    UNCHANGED = "unchanged"


@frozen(kw_only=True)
class Written:
    """What was written of one tenant."""

    tenant: str
    outcome: Outcome


class ImportTenants:
    """Plans an import, writes it one tenant at a time, and verifies it.

    Args:
        pause: how long after the import nothing is due.
        callback_url: the public URL of our webhook.
    """

    def __init__(
        self,
        storage: Storage,
        gateway: Gateway,
        clock: Clock,
        vault: Vault,
        policy: RenewalPolicy,
        time_zone: str,
        callback_url: str,
        pause: timedelta,
    ) -> None:
        self._storage = storage
        self._gateway = gateway
        self._clock = clock
        self._vault = vault
        self._policy = policy
        self._time_zone = time_zone
        self._callback_url = callback_url
        self._pause = pause

    async def plan(
        self,
        source: OldTablesSource,
        *,
        only: Collection[str] = (),
        decisions: Mapping[str, Decision] | None = None,
        ask_bank: bool = False,
        grace_from: datetime | None = None,
        by: str = "",
        progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> ImportPlan:
        """Read the old tables, ask the bank where wanted, and plan. Changes nothing.

        Args:
            only: schema names of the only tenants to import; all where it is empty.
            decisions: of a person, by schema name.
            grace_from: from when the grace of overdue subscriptions counts; from now where None.
            by: who imports, for the record.
            progress: is told how many receipts were read, of how many.

        Raises:
            OldTablesUnreadable: the tables cannot be read.
            ImportRefused: the CRM has no tenant of a name in `only`.
            GatewayError: the bank did not answer.
        """
        if ask_bank:
            require_configured(self._gateway)
        tables = self._with_responses(await source.read())
        names = [one.schema_name for one in tables.tenants]
        if unknown := sorted(set(only) - set(names)):
            raise ImportRefused(f"The CRM has no tenant {', '.join(unknown)}: give a schema name")
        receipts = await self._ask(tables, only, progress) if ask_bank else NOT_ASKED
        rules = ImportRules(
            now=await self._clock.now(),
            pause=self._pause,
            grace_from=grace_from,
            time_zone=self._time_zone,
            policy=self._policy,
            callback_url=self._callback_url,
            by=by,
        )
        catalogue, imported = await self._storage.read(lambda uow: (uow.catalogues.current(), _imported(uow, names)))
        plan = plan_import(
            tables,
            receipts,
            rules,
            catalogue_version=catalogue.version,
            only=only,
            decisions=decisions,
            imported=imported,
        )
        log.info("import.planned", tenants=len(plan.tenants), findings=len(plan.all_findings), asked_bank=ask_bank)
        return plan

    async def write(self, plan: ImportPlan, *, by: str = "") -> AsyncIterator[Written]:
        """Write the plan, one tenant per transaction. A tenant that was imported before is left as it is.

        Args:
            by: who imports, for the record.

        Raises:
            ImportRefused: a tenant was a customer here before its import, or registrations cannot be encrypted.
        """
        if any(one.registration for one in plan.registrations) and not self._vault.is_open:
            raise ImportRefused(
                "Registrations that were not completed hold a password's hash: "
                "set BILLING_ENCRYPTION_KEYS so they can be encrypted"
            )
        now = await self._clock.now()
        await self._storage.transact(lambda uow: _sell(uow, plan.catalogue, now, by))
        for tenant in plan.tenants:
            outcome = await self._storage.transact(partial(_write, plan=tenant, by=by))
            log.info("import.tenant", tenant_id=tenant.tenant_id, outcome=outcome, state=tenant.subscription.state)
            yield Written(tenant=tenant.tenant_id, outcome=outcome)
        for one in plan.registrations:
            payload = json.dumps(one.payload, default=str).encode()
            sealed = self._vault.seal(payload) if one.registration else b""
            outcome = await self._storage.transact(partial(_register, plan=one, sealed=sealed))
            yield Written(tenant=one.order.tenant_id, outcome=outcome)

    async def verify(self, plan: ImportPlan) -> Sequence[Difference]:
        """Where what is here differs from the plan. Changes nothing."""
        found: list[Difference] = []
        for tenant in plan.tenants:
            stored = await self._storage.read(partial(_stored, plan=tenant))
            found += differences(tenant, stored)
        for one in plan.registrations:
            if not await self._storage.read(partial(_is_kept, order_id=one.order.id)):
                name, order_id = one.order.tenant_id, one.order.id
                found.append(
                    Difference(tenant=name, subject=order_id, what="registration", planned="kept", found="missing")
                )
        return found

    def _with_responses(self, tables: OldTables) -> OldTables:
        """The tables, with the bodies of the bank's callbacks read."""
        return evolve(tables, attempts=tuple(self._read(one) for one in tables.attempts))

    def _read(self, attempt: OldAttempt) -> OldAttempt:
        try:
            response = self._gateway.read_callback(attempt.body) if attempt.body else None
        except MalformedCallback:
            return attempt
        bank_order_id = attempt.bank_order_id or (response.bank_order_id if response else "")
        return evolve(attempt, response=response, bank_order_id=bank_order_id)

    async def _ask(self, tables: OldTables, only: Collection[str], progress: Callable[[int, int], None]) -> Receipts:
        """The bank's receipt of everything that has an id there."""
        ids = _ids(tables, only)
        answers: dict[str, BankReport | None] = {}
        foreign = set()
        for number, order_id in enumerate(ids, 1):
            answers[order_id] = receipt = await find_receipt(self._gateway, order_id)
            if receipt is not None and not self._gateway.is_ours(receipt):
                foreign.add(order_id)
            progress(number, len(ids))
        return Receipts(answers=answers, foreign=frozenset(foreign))


def _ids(tables: OldTables, only: Collection[str]) -> list[str]:
    """The ids to ask the bank about: the bank's, or the CRM's where that is not known; each once."""
    chosen: set[int | None] = {
        one.id for one in tables.tenants if one.payment_provider == OURS and (not only or one.schema_name in only)
    }
    if not only:
        chosen.add(None)
    ids = [one.bank_order_id or one.order_id for one in tables.orders if one.tenant_id in chosen and one.prefix]
    ids += [one.bank_order_id for one in tables.attempts if one.tenant_id in chosen]
    ids += [one.parent_order_id for one in tables.cards if one.tenant_id in chosen]
    ids += [one.parent_order_id for one in tables.subscriptions if one.tenant_id in chosen]
    return list(dict.fromkeys(one for one in ids if one))


def _imported(uow: UnitOfWork, names: Sequence[str]) -> dict[str, datetime]:
    found = {name: uow.customers.get(name) for name in names}
    return {name: one.imported_at for name, one in found.items() if one is not None and one.imported_at is not None}


def _sell(uow: UnitOfWork, catalogue: Catalogue, now: datetime, by: str) -> None:
    """Put the features on sale, where nothing is on sale yet."""
    uow.registrations.lock_name("catalogue")  # two imports at once
    if catalogue.features and uow.catalogues.current().version == 0:
        uow.catalogues.add(evolve(catalogue, version=1), now, by)


def _write(uow: UnitOfWork, plan: TenantPlan, by: str) -> Outcome:
    """Write one tenant, unless it was written before."""
    uow.registrations.lock_name(plan.tenant_id)
    known = uow.customers.lock(plan.tenant_id)
    if known is not None and known.imported_at is not None:
        return Outcome.UNCHANGED
    _require_new(uow, plan)
    _add_customer(uow, plan.customer, known)
    _add_subscription(uow, plan.subscription)
    for order in plan.orders:
        uow.orders.add(evolve(order, steps=list(order.steps)))
    for card in plan.cards:
        uow.cards.add(evolve(card))
    uow.books.post(plan.entries)
    for invoice in plan.invoices:
        uow.books.issue(invoice)
    uow.outbox.add([_event(plan)], by)
    return Outcome.IMPORTED


def _require_new(uow: UnitOfWork, plan: TenantPlan) -> None:
    known = uow.subscriptions.get(plan.tenant_id)
    if known is not None and known.term.has_begun:
        raise ImportRefused(
            f"{plan.tenant_id} has a subscription here already, which was not imported: "
            "leave it alone by a decision (skip = true)"
        )
    for order in plan.orders:
        if uow.orders.get(order.id, None) is not None:
            raise ImportRefused(f"{plan.tenant_id}: the order {order.id} is here already")


def _add_customer(uow: UnitOfWork, customer: Customer, known: Customer | None) -> None:
    """Add the customer, or note the import at one that has so far only filled in its profile."""
    if known is not None:
        known.imported_at = customer.imported_at
        uow.customers.save(known)
        return
    holder = holder_of(uow, customer.host_label)
    is_taken = holder is not None and holder.tenant_id != customer.tenant_id
    uow.customers.add(evolve(customer, subdomain="") if is_taken else customer)


def _add_subscription(uow: UnitOfWork, subscription: Subscription) -> None:
    uow.subscriptions.add(Subscription(tenant_id=subscription.tenant_id, term=subscription.term))
    version = uow.subscriptions.lock(subscription.tenant_id).version
    uow.subscriptions.save(evolve(subscription, version=version))


def _event(plan: TenantPlan) -> SubscriptionImported:
    subscription = plan.subscription
    return SubscriptionImported(
        tenant_id=plan.tenant_id,
        at=plan.customer.imported_at or plan.customer.created_at,
        state=subscription.state,
        plan_name=subscription.plan.name if subscription.plan else "",
        price=subscription.plan.price if subscription.plan else None,
        paid_until=subscription.paid_until,
    )


def _register(uow: UnitOfWork, plan: RegistrationPlan, sealed: bytes) -> Outcome:
    """Keep a registration with its order, unless it was kept before."""
    uow.registrations.lock_name(plan.order.tenant_id)
    if uow.orders.get(plan.order.id, None) is not None:
        return Outcome.UNCHANGED
    uow.orders.add(evolve(plan.order, steps=list(plan.order.steps)))
    if plan.registration is not None:
        uow.registrations.add(evolve(plan.registration, sealed_payload=sealed))
    uow.books.post(plan.entries)
    return Outcome.IMPORTED


def _is_kept(uow: UnitOfWork, order_id: str) -> bool:
    return uow.orders.get(order_id, None) is not None


def _stored(uow: UnitOfWork, plan: TenantPlan) -> Stored:
    orders = {one.id: uow.orders.get(one.id, plan.tenant_id) for one in plan.orders}
    cards = {one.order_id: uow.cards.of_order(one.order_id) for one in plan.cards}
    return Stored(
        customer=uow.customers.get(plan.tenant_id),
        subscription=uow.subscriptions.get(plan.tenant_id),
        orders={name: order for name, order in orders.items() if order is not None},
        cards={name: card for name, card in cards.items() if card is not None},
        invoices=uow.books.invoices_of(plan.tenant_id, MOST_INVOICES),
        entries=uow.books.of_tenant(plan.tenant_id, MOST_ENTRIES),
    )
