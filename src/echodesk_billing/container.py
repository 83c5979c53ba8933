"""The container: the one place where adapters are bound to ports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
from dependency_injector import containers, providers

from echodesk_billing.adapters.bog.client import BankAccess, BogGateway
from echodesk_billing.adapters.clock import SandboxClock, SystemClock
from echodesk_billing.adapters.crm_access import CrmAccess
from echodesk_billing.adapters.echodesk_tables import EchodeskTables
from echodesk_billing.adapters.handlers import Handlers
from echodesk_billing.adapters.ids import RandomIds
from echodesk_billing.adapters.jobs.tasks import BackgroundTasks
from echodesk_billing.adapters.mail.smtp import SmtpMailer
from echodesk_billing.adapters.mail.templates import MailTemplates
from echodesk_billing.adapters.pdf import PdfPrinter
from echodesk_billing.adapters.sql.sqlite import SqliteStorage
from echodesk_billing.adapters.sql.storage import open_storage
from echodesk_billing.adapters.telemetry.gateway import observed_gateway
from echodesk_billing.adapters.telemetry.storage import observed_storage
from echodesk_billing.adapters.telemetry.tracing import OtelTracing, start_tracing, traced
from echodesk_billing.adapters.usage import NoUsage
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.adapters.webhooks.sender import HttpWebhooks
from echodesk_billing.adapters.webhooks.targets import Targets
from echodesk_billing.application.announcing import Announce
from echodesk_billing.application.audit import Audit
from echodesk_billing.application.callbacks import ReceiveCallback
from echodesk_billing.application.cards import SavedCards
from echodesk_billing.application.catalogues import LoadCatalogue
from echodesk_billing.application.changes import Cancel, ChangePlan, StartTrial
from echodesk_billing.application.charging import ChargeSavedCard
from echodesk_billing.application.checkout import Checkout
from echodesk_billing.application.checkup import CheckUp
from echodesk_billing.application.coupons import ManageCoupons
from echodesk_billing.application.customers import Customers
from echodesk_billing.application.exports import Exports
from echodesk_billing.application.importing import ImportTenants
from echodesk_billing.application.known_tokens import KnownTokens
from echodesk_billing.application.letters import Letters
from echodesk_billing.application.links import Links
from echodesk_billing.application.lists import Lists
from echodesk_billing.application.mailing import SendMails
from echodesk_billing.application.on_subscription import OnSubscription
from echodesk_billing.application.operator_acts import OperatorActs
from echodesk_billing.application.operator_views import OperatorViews
from echodesk_billing.application.order_factory import OrderFactory
from echodesk_billing.application.order_submission import OrderSubmission
from echodesk_billing.application.pay_links import PayLinks
from echodesk_billing.application.payment_requests import PaymentRequestBuilder
from echodesk_billing.application.personal_data import ManagePersonalData
from echodesk_billing.application.portal import Portal
from echodesk_billing.application.preauthorisation import Preauthorisation
from echodesk_billing.application.pruning import Prune, Retention
from echodesk_billing.application.reconciliation import Reconcile
from echodesk_billing.application.refunds import RefundPayment
from echodesk_billing.application.registration import Register
from echodesk_billing.application.relay import Relay
from echodesk_billing.application.renewals import Renew
from echodesk_billing.application.settlement import Settlement
from echodesk_billing.application.statistics import BusinessFigures
from echodesk_billing.application.subscription_acts import SubscriptionActs
from echodesk_billing.application.tokens import Tokens
from echodesk_billing.application.transfers import BankTransfers
from echodesk_billing.application.use_cases import UseCases
from echodesk_billing.application.views import Views
from echodesk_billing.application.watching import Watch
from echodesk_billing.application.webhook_delivery import SendWebhooks
from echodesk_billing.application.webhooks import ManageWebhooks
from echodesk_billing.domain.money import Money
from echodesk_billing.domain.subscriptions.policy import RenewalPolicy
from echodesk_billing.ports.access import Access
from echodesk_billing.ports.clock import Clock
from echodesk_billing.ports.storage import StorageUnavailable
from echodesk_billing.ports.tracing import Tracing
from echodesk_billing.setting_values import durations
from echodesk_billing.settings import Settings


def _clock(session: aiohttp.ClientSession, settings: Settings) -> Clock:
    return SandboxClock(session, settings.clock_url) if settings.clock_url else SystemClock()


def _bank(settings: Settings) -> BankAccess:
    return BankAccess(
        auth_url=settings.auth_url,
        api_base_url=settings.api_base_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        timeout_seconds=settings.bank_timeout_seconds,
        keys=settings.callback_keys(),
        merchant_id=settings.merchant_id,
        breaker_failures=settings.breaker_failures,
        breaker_seconds=settings.breaker_seconds,
    )


def _request_builder(settings: Settings) -> PaymentRequestBuilder:
    return PaymentRequestBuilder(
        product_name=settings.product_name,
        callback_url=settings.callback_url,
        pages=settings.return_pages(),
        ttl_minutes=settings.order_ttl_minutes,
        time_zone=settings.time_zone,
        card_check=Money.parse(settings.card_check_amount),
        grace=timedelta(days=settings.grace_days),
    )


def _policy(settings: Settings) -> RenewalPolicy:
    return RenewalPolicy(
        ahead=timedelta(hours=settings.renew_ahead_hours),
        ask_ahead=timedelta(hours=settings.ask_ahead_hours),
        retries=settings.retries(),
        grace=timedelta(days=settings.grace_days),
        reminders=settings.reminders(),
        unpaid_reminders=settings.unpaid_reminders(),
        trial=timedelta(days=settings.trial_days),
        suspends_contested=settings.suspend_contested,
    )


def _access(settings: Settings, tokens: Tokens) -> Access:
    crm = settings.crm_tokens()
    return tokens if crm is None else CrmAccess(crm, tokens)


def _retention(settings: Settings) -> Retention:
    kept = {name: durations(value)[0] for name, value in settings.kept().items()}
    return Retention(unpaid=timedelta(days=settings.keep_unpaid_days), **kept)


def _letters(settings: Settings) -> Letters:
    return Letters(off=settings.silent_mails(), operator=settings.operator_email, is_on=bool(settings.smtp_url))


def _webhook_sender(settings: Settings) -> HttpWebhooks:
    return HttpWebhooks(Targets(settings.private_targets()))


def _traced_use_cases(tracing: Tracing, **parts: Any) -> UseCases:  # noqa: ANN401 - each field has a type of its own
    """The use cases, each of whose calls is a span where traces are wanted."""
    ours = f"{Checkout.__module__.rpartition('.')[0]}."
    seen = {name: traced(one, tracing) if type(one).__module__.startswith(ours) else one for name, one in parts.items()}
    return UseCases(tracing=tracing, **seen)


class Container(containers.DeclarativeContainer):
    """All components, created once and injected."""

    settings: providers.Dependency[Settings] = providers.Dependency(instance_of=Settings)

    session: providers.Dependency[aiohttp.ClientSession] = providers.Dependency(instance_of=aiohttp.ClientSession)
    clock = providers.Singleton(_clock, session, settings)
    ids = providers.Singleton(RandomIds)
    tracing = providers.Singleton(start_tracing, settings.provided.otlp_url)
    database = providers.Singleton(open_storage, settings.provided.database_url, ids, settings.provided.database_schema)
    storage = providers.Singleton(observed_storage, database, tracing)
    bank = providers.Singleton(BogGateway, session, providers.Callable(_bank, settings), clock)
    gateway = providers.Singleton(observed_gateway, bank, tracing)
    usage = providers.Singleton(NoUsage)
    delivery = providers.Singleton(Handlers)

    known_tokens = providers.Singleton(KnownTokens)
    tokens = providers.Singleton(Tokens, storage, clock, ids, settings.provided.reserved_tenants, known_tokens)
    access = providers.Singleton(_access, settings, tokens)
    vault = providers.Singleton(FernetVault, settings.provided.encryption_keys)
    policy = providers.Singleton(_policy, settings)
    requests = providers.Singleton(_request_builder, settings)
    printer = providers.Singleton(
        PdfPrinter, settings.provided.seller_party, settings.provided.time_zone, settings.provided.logo_file
    )
    order_factory = providers.Singleton(OrderFactory, ids)
    link_vault = providers.Singleton(FernetVault, settings.provided.link_keys)
    links = providers.Singleton(Links, link_vault, settings.provided.api_domain)
    settlement = providers.Singleton(
        Settlement, storage, clock, settings.provided.time_zone, policy, settings.provided.selling, links
    )
    submission = providers.Singleton(OrderSubmission, storage, gateway, settlement)
    customers = providers.Singleton(Customers, storage, clock, settings.provided.reserved_tenants)
    checkout = providers.Singleton(Checkout, storage, gateway, clock, order_factory, submission, settlement, requests)
    refunds = providers.Singleton(RefundPayment, storage, gateway, clock, ids, settlement)
    preauthorisation = providers.Singleton(Preauthorisation, storage, gateway, settlement)
    cards = providers.Singleton(SavedCards, storage, gateway, clock, order_factory, submission, requests, checkout)
    personal_data = providers.Singleton(ManagePersonalData, storage, clock, cards)
    charging = providers.Singleton(
        ChargeSavedCard, storage, gateway, clock, order_factory, submission, requests, policy
    )
    on_subscription = providers.Singleton(OnSubscription, storage, clock, policy)
    operator_acts = providers.Singleton(OperatorActs, storage, gateway, clock, charging, refunds, on_subscription)
    subscription_acts = providers.Singleton(
        SubscriptionActs, storage, clock, on_subscription, requests, paused_access=settings.provided.paused_access
    )
    renew = providers.Singleton(Renew, storage, clock, charging, policy)
    register = providers.Singleton(
        Register,
        storage,
        gateway,
        clock,
        order_factory,
        submission,
        requests,
        vault,
        settings.provided.registration_time,
        settings.provided.reserved_tenants,
    )
    callbacks = providers.Singleton(ReceiveCallback, storage, gateway, clock, settlement)
    cancel = providers.Singleton(Cancel, on_subscription)
    change_plan = providers.Singleton(ChangePlan, storage, clock, checkout, policy)
    start_trial = providers.Singleton(StartTrial, storage, clock, requests, policy)
    prune = providers.Singleton(Prune, storage, gateway, clock, settlement, providers.Callable(_retention, settings))
    reconcile = providers.Singleton(Reconcile, storage, gateway, clock, submission, settlement, refunds, cards)
    views = providers.Singleton(Views, storage, clock, usage, printer, link_vault)
    watch = providers.Singleton(Watch, storage, clock, settings.provided.stall_limit)
    portal = providers.Singleton(Portal, clock, links, tokens)
    pay_links = providers.Singleton(PayLinks, storage, clock, links, checkout)
    webhook_sender = providers.Singleton(_webhook_sender, settings)
    webhooks = providers.Singleton(ManageWebhooks, storage, clock, ids, vault, webhook_sender)
    send_webhooks = providers.Singleton(
        SendWebhooks, storage, clock, vault, webhook_sender, settings.provided.webhook_patience
    )
    announce = providers.Singleton(Announce, storage, clock, providers.Callable(_letters, settings), webhook_sender)
    mailer = providers.Singleton(SmtpMailer, settings.provided.smtp_url, settings.provided.mail_from)
    mail_templates = providers.Singleton(MailTemplates, settings.provided.mail_templates, settings.provided.time_zone)
    send_mails = providers.Singleton(
        SendMails,
        storage,
        clock,
        mailer,
        mail_templates,
        links,
        views,
        settings.provided.product_name,
    )
    coupons = providers.Singleton(ManageCoupons, storage, clock)
    transfers = providers.Singleton(
        BankTransfers,
        storage,
        clock,
        order_factory,
        settlement,
        requests,
        printer,
        settings.provided.selling,
        settings.provided.time_zone,
    )
    figures = providers.Singleton(BusinessFigures, storage, settings.provided.time_zone)
    exports = providers.Singleton(Exports, storage, settings.provided.time_zone)
    lists = providers.Singleton(Lists, storage)
    operator_views = providers.Singleton(OperatorViews, storage, clock, figures, watch, settings.provided.time_zone)
    checkup = providers.Singleton(CheckUp, storage, gateway, watch)
    audit = providers.Singleton(Audit, storage, gateway, clock, settings.provided.time_zone)
    relay = providers.Singleton(Relay, storage, delivery, clock, ids)
    use_cases = providers.Singleton(
        _traced_use_cases,
        tracing=tracing,
        access=access,
        tokens=tokens,
        checkout=checkout,
        customers=customers,
        callbacks=callbacks,
        cancel=cancel,
        refunds=refunds,
        acts=operator_acts,
        subscription_acts=subscription_acts,
        transfers=transfers,
        coupons=coupons,
        figures=figures,
        lists=lists,
        operator_views=operator_views,
        webhooks=webhooks,
        watch=watch,
        links=links,
        portal=portal,
        pay_links=pay_links,
        mails=send_mails,
        settlement=settlement,
        preauthorisation=preauthorisation,
        cards=cards,
        change_plan=change_plan,
        start_trial=start_trial,
        register=register,
        views=views,
        vault=vault,
        storage=storage,
        gateway=gateway,
        clock=clock,
        api_domain=settings.provided.api_domain,
        time_zone=settings.provided.time_zone,
    )
    background_tasks = providers.Singleton(
        BackgroundTasks,
        providers.Callable(traced, renew, tracing),
        reconcile,
        relay,
        register,
        prune,
        figures,
        announce,
        send_mails,
        send_webhooks,
        watch,
        settings.provided.work_concurrency,
        settings.provided.bank_calls_per_second,
        tracing,
    )
    load_catalogue = providers.Singleton(LoadCatalogue, storage, clock)
    old_tables = providers.Factory(EchodeskTables)
    import_tenants = providers.Singleton(
        ImportTenants,
        storage,
        gateway,
        clock,
        vault,
        policy,
        settings.provided.time_zone,
        settings.provided.callback_url,
        settings.provided.import_pause,
    )


@asynccontextmanager
async def open_container(settings: Settings, *, migrate: bool = True) -> AsyncIterator[Container]:
    """All components for `settings`, closed at the end.

    Args:
        migrate: migrate a SQLite file; PostgreSQL is migrated only by `echodesk-billing migrate`, because
            older processes may be working on it.

    Raises:
        StorageUnavailable: the database cannot be used; the message says why.
    """
    timeout = aiohttp.ClientTimeout(total=settings.bank_timeout_seconds, connect=5)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        container = Container(settings=settings, session=session)
        database, tracing = container.database(), container.tracing()
        try:
            if migrate and isinstance(database, SqliteStorage):
                await database.migrate()
            yield container
        finally:
            await database.close()
            if isinstance(tracing, OtelTracing):
                await asyncio.to_thread(tracing.close)
            if isinstance(access := container.access(), CrmAccess):
                await access.close()


@asynccontextmanager
async def open_ready_container(settings: Settings) -> AsyncIterator[Container]:
    """`open_container`, once the database has all its tables.

    Raises:
        StorageUnavailable: the database cannot be used; the message says why.
    """
    async with open_container(settings) as container:
        if problem := await container.storage().problem():
            raise StorageUnavailable(problem)
        yield container
