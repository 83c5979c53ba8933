"""Settings from the environment as one frozen object; errors are one line that names the variable."""

from __future__ import annotations

import base64
import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from dotenv import dotenv_values
from msgspec import Meta, field

from echodesk_billing.adapters.bog.signature import built_in_key, load_keys
from echodesk_billing.adapters.crm_access import CrmTokens
from echodesk_billing.domain.accounting.invoice import Party, Seller
from echodesk_billing.domain.notifications.mail import MailKind
from echodesk_billing.domain.orders.return_pages import ReturnPages
from echodesk_billing.setting_checks import check_address, check_values
from echodesk_billing.setting_values import InvalidSettings, durations, is_nearby, origin, parts, with_scheme

PRODUCTION_AUTH_URL = "https://oauth2.bog.ge/auth/realms/bog/protocol/openid-connect/token"
PRODUCTION_API_BASE_URL = "https://api.bog.ge/payments/v1"

Port = Annotated[int, Meta(ge=0, le=65535)]


CRM_TENANT_SQL = (
    "SELECT schema_name, name, split_part(domain_url, '.', 1) AS subdomain, preferred_language AS language "
    "FROM public.tenants_tenant "
    "WHERE is_active AND split_part(domain_url, '.', 1) = split_part(:host, '.', 1)"
)
CRM_USER_SQL = (
    "SELECT u.id AS user_id, u.is_staff AS is_administrator, trim(u.first_name || ' ' || u.last_name) AS full_name, "
    "u.email FROM {schema}.authtoken_token t JOIN {schema}.users_user u ON u.id = t.user_id "
    "WHERE t.key = :token AND u.is_active"
)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings; see docs/configuration.md."""

    client_id: str = field(default="", name="BOG_CLIENT_ID")
    client_secret: str = field(default="", name="BOG_CLIENT_SECRET")
    auth_url: str = field(default=PRODUCTION_AUTH_URL, name="BOG_AUTH_URL")
    api_base_url: str = field(default=PRODUCTION_API_BASE_URL, name="BOG_API_BASE_URL")
    callback_public_key: str = field(default="", name="BOG_CALLBACK_PUBLIC_KEY")
    merchant_id: str = field(default="", name="BOG_MERCHANT_ID")
    database_url: str = field(default="sqlite:///var/billing.sqlite3", name="DATABASE_URL")
    database_schema: Annotated[str, Meta(pattern="^[a-z_][a-z0-9_]{0,62}$")] = field(
        default="billing", name="BILLING_DATABASE_SCHEMA"
    )
    crm_database_url: str = field(default="", name="BILLING_CRM_DATABASE_URL")
    crm_tenant_sql: str = field(default=CRM_TENANT_SQL, name="BILLING_CRM_TENANT_SQL")
    crm_token_sql: str = field(default=CRM_USER_SQL, name="BILLING_CRM_TOKEN_SQL")
    api_domain: str = field(default="", name="API_DOMAIN")
    frontend_url: str = field(default="", name="FRONTEND_URL")
    host: str = field(default="127.0.0.1", name="BILLING_HOST")
    port: Port = field(default=8080, name="BILLING_PORT")
    sandbox_port: Port = field(default=8081, name="SANDBOX_PORT")
    clock_url: str = field(default="", name="BILLING_CLOCK_URL")
    product_name: str = field(default="EchoDesk", name="BILLING_PRODUCT_NAME")
    seller: str = field(default="EchoDesk", name="BILLING_SELLER")
    vat_percent: Decimal = field(default=Decimal(0), name="BILLING_VAT_PERCENT")
    seller_name: str = field(default="", name="BILLING_SELLER_NAME")
    seller_code: str = field(default="", name="BILLING_SELLER_IDENTIFICATION_CODE")
    seller_address: str = field(default="", name="BILLING_SELLER_ADDRESS")
    seller_account: str = field(default="", name="BILLING_SELLER_BANK_ACCOUNT")
    logo: str = field(default="", name="BILLING_SELLER_LOGO")
    time_zone: str = field(default="Asia/Tbilisi", name="BILLING_TIME_ZONE")
    order_ttl_minutes: Annotated[int, Meta(ge=2, le=1440)] = field(default=15, name="BILLING_ORDER_TTL_MINUTES")
    bank_timeout_seconds: Annotated[float, Meta(gt=0, le=120)] = field(default=15, name="BILLING_BANK_TIMEOUT_SECONDS")
    breaker_failures: Annotated[int, Meta(ge=1)] = field(default=5, name="BILLING_BREAKER_FAILURES")
    breaker_seconds: Annotated[float, Meta(gt=0)] = field(default=15.0, name="BILLING_BREAKER_SECONDS")
    card_check_amount: str = field(default="1.00", name="BILLING_CARD_CHECK_AMOUNT")
    renew_ahead_hours: Annotated[float, Meta(ge=0, le=336)] = field(default=0.0, name="BILLING_RENEW_AHEAD_HOURS")
    ask_ahead_hours: Annotated[float, Meta(ge=0, le=336)] = field(default=24.0, name="BILLING_ASK_AHEAD_HOURS")
    retry_after: str = field(default="4h, 3d, 7d", name="BILLING_RETRY_AFTER")
    grace_days: Annotated[float, Meta(ge=0, le=28)] = field(default=7.0, name="BILLING_GRACE_DAYS")
    remind_before: str = field(default="7d, 3d", name="BILLING_REMIND_BEFORE")
    remind_unpaid: str = field(default="3d, 1d", name="BILLING_REMIND_UNPAID")
    import_pause_hours: Annotated[float, Meta(ge=0, le=336)] = field(default=24.0, name="BILLING_IMPORT_PAUSE_HOURS")
    suspend_contested: bool = field(default=False, name="BILLING_SUSPEND_CONTESTED")
    paused_access: bool = field(default=False, name="BILLING_PAUSED_ACCESS")
    trial_days: Annotated[int, Meta(ge=0, le=366)] = field(default=0, name="BILLING_TRIAL_DAYS")
    registration_minutes: Annotated[int, Meta(ge=15, le=525_600)] = field(
        default=60, name="BILLING_REGISTRATION_MINUTES"
    )
    registration_url: str = field(default="", name="BILLING_REGISTRATION_URL")
    return_url_list: str = field(default="", name="BILLING_RETURN_URLS")
    encryption_key_list: str = field(default="", name="BILLING_ENCRYPTION_KEYS")
    smtp_url: str = field(default="", name="BILLING_SMTP_URL")
    mail_from: str = field(default="", name="BILLING_MAIL_FROM")
    operator_email: str = field(default="", name="BILLING_OPERATOR_EMAIL")
    mails_off: str = field(default="", name="BILLING_MAILS_OFF")
    mail_templates: str = field(default="", name="BILLING_MAIL_TEMPLATES")
    stalled_after: str = field(default="2h", name="BILLING_STALLED_AFTER")
    webhook_networks: str = field(default="", name="BILLING_WEBHOOK_NETWORKS")
    webhook_disable_after: str = field(default="5d", name="BILLING_WEBHOOK_DISABLE_AFTER")
    work_every_seconds: Annotated[float, Meta(ge=0)] = field(default=1.0, name="BILLING_WORK_EVERY_SECONDS")
    work_concurrency: Annotated[int, Meta(ge=1, le=100)] = field(default=8, name="BILLING_WORK_CONCURRENCY")
    bank_calls_per_second: Annotated[float, Meta(gt=0)] = field(default=50.0, name="BILLING_BANK_CALLS_PER_SECOND")
    trusted_proxies: str = field(default="", name="BILLING_TRUSTED_PROXIES")
    work_port: Port = field(default=0, name="BILLING_WORK_PORT")
    otlp_url: str = field(default="", name="BILLING_OTLP_URL")
    reconcile_every_seconds: Annotated[float, Meta(ge=0)] = field(default=15.0, name="BILLING_RECONCILE_EVERY_SECONDS")
    token_rate_limit: str = field(default="300/minute", name="BILLING_RATE_LIMIT_PER_TOKEN")
    address_rate_limit: str = field(default="600/minute", name="BILLING_RATE_LIMIT_PER_ADDRESS")
    registration_rate_limit: str = field(default="10/hour", name="BILLING_RATE_LIMIT_REGISTRATION")
    cors_origin_list: str = field(default="", name="BILLING_CORS_ORIGINS")
    reserved_tenant_list: str = field(default="", name="BILLING_RESERVED_TENANTS")
    polls_per_tenant: Annotated[int, Meta(ge=1)] = field(default=5, name="BILLING_POLLS_PER_TENANT")
    body_seconds: Annotated[float, Meta(gt=0, le=60)] = field(default=10.0, name="BILLING_BODY_SECONDS")
    keep_answers: str = field(default="24h", name="BILLING_KEEP_ANSWERS")
    keep_callbacks: str = field(default="30d", name="BILLING_KEEP_REFUSED_CALLBACKS")
    keep_tokens: str = field(default="30d", name="BILLING_KEEP_TOKENS")
    keep_mails: str = field(default="90d", name="BILLING_KEEP_MAILS")
    keep_webhooks: str = field(default="30d", name="BILLING_KEEP_WEBHOOKS")
    keep_events: str = field(default="400d", name="BILLING_KEEP_EVENTS")
    keep_steps: str = field(default="730d", name="BILLING_KEEP_STEPS")
    keep_unpaid_days: Annotated[float, Meta(ge=1, le=3650)] = field(default=7.0, name="BILLING_KEEP_UNPAID_DAYS")
    requests_at_once: Annotated[int, Meta(ge=1)] = field(default=200, name="BILLING_REQUESTS_AT_ONCE")
    log_format: Literal["console", "json"] = field(default="console", name="BILLING_LOG_FORMAT")
    log_level: Literal["debug", "info", "warning", "error"] = field(default="info", name="BILLING_LOG_LEVEL")
    demo_token: str = field(default="", name="BILLING_DEMO_TOKEN")
    demo_operator_token: str = field(default="", name="BILLING_DEMO_OPERATOR_TOKEN")

    def __repr__(self) -> str:
        return f"Settings(database_url={hide_password(self.database_url)!r}, api_domain={self.api_domain!r})"

    @property
    def callback_url(self) -> str:
        """The public URL of our webhook."""
        return self.api_domain + "/api/payments/webhook/"

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is SQLite, and so on one machine."""
        return self.database_url.startswith("sqlite:")

    @property
    def seller_party(self) -> Party:
        """The seller, as printed on invoices; `BILLING_SELLER` gives its lines, the first of them its name."""
        name, *more = parts(self.seller, ";") or ("",)
        return Party(
            name=self.seller_name or name,
            identification_code=self.seller_code,
            address=self.seller_address or "\n".join(more),
            bank_account=self.seller_account,
        )

    @property
    def selling(self) -> Seller:
        """The seller and its VAT."""
        return Seller(party=self.seller_party, vat_percent=self.vat_percent or None)

    @property
    def logo_file(self) -> Path | None:
        """The image at the top of invoices."""
        return Path(self.logo) if self.logo else None

    @property
    def encryption_keys(self) -> tuple[str, ...]:
        """Fernet keys, the newest first."""
        return parts(self.encryption_key_list)

    @property
    def link_keys(self) -> tuple[str, ...]:
        """Fernet keys for links to invoices: the encryption keys, or else one derived from the bank's secret."""
        if self.encryption_keys or not self.client_secret:
            return self.encryption_keys
        digest = hashlib.sha256(f"links to invoices {self.client_secret}".encode()).digest()
        return (base64.urlsafe_b64encode(digest).decode(),)

    @property
    def reserved_tenants(self) -> tuple[str, ...]:
        """Reserved tenant names, besides the built-in ones."""
        return parts(self.reserved_tenant_list)

    def kept(self) -> dict[str, str]:
        """How long things are kept, by the names of `Retention`."""
        return {
            "answers": self.keep_answers,
            "refused_callbacks": self.keep_callbacks,
            "tokens": self.keep_tokens,
            "mails": self.keep_mails,
            "webhooks": self.keep_webhooks,
            "events": self.keep_events,
            "steps": self.keep_steps,
        }

    @property
    def registration_time(self) -> timedelta:
        """How long a name stays reserved for an unpaid registration."""
        return timedelta(minutes=self.registration_minutes)

    @property
    def import_pause(self) -> timedelta:
        """How long after an import nothing is due."""
        return timedelta(hours=self.import_pause_hours)

    def retries(self) -> tuple[timedelta, ...]:
        """When a charge is retried, counted from the first decline."""
        return durations(self.retry_after)

    def reminders(self) -> tuple[timedelta, ...]:
        """How long before an expiry the customer is reminded."""
        return durations(self.remind_before)

    def unpaid_reminders(self) -> tuple[timedelta, ...]:
        """How long before access ends a customer who owes a payment is reminded."""
        return durations(self.remind_unpaid)

    @property
    def stall_limit(self) -> timedelta:
        """How long a renewal may be due before billing counts as stalled."""
        return durations(self.stalled_after)[0]

    @property
    def webhook_patience(self) -> timedelta:
        """How long a webhook endpoint may fail before it is disabled."""
        return durations(self.webhook_disable_after)[0]

    def silent_mails(self) -> frozenset[MailKind]:
        """The kinds of mails that are not sent."""
        return frozenset(map(MailKind, parts(self.mails_off)))

    def proxies(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Networks of reverse proxies that are believed about the addresses of clients."""
        return tuple(map(ip_network, parts(self.trusted_proxies)))

    def private_targets(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Private networks that webhooks may reach."""
        return tuple(map(ip_network, parts(self.webhook_networks)))

    def cors_origins(self) -> tuple[re.Pattern[str], ...]:
        """Patterns of the origins whose pages may call the API."""
        return tuple(map(origin, parts(self.cors_origin_list)))

    def return_pages(self) -> ReturnPages:
        """Where the browser returns to."""
        pairs = (part.partition("=") for part in parts(self.return_url_list))
        pages = {name.strip(): page.strip() for name, _, page in pairs}
        return ReturnPages(
            base=self.frontend_url,
            registration_base=self.registration_url,
            portal_base=self.api_domain,
            pages=pages,
        )

    def crm_tokens(self) -> CrmTokens | None:
        """Where a CRM keeps its own tokens; None where only ours are used."""
        if not self.crm_database_url:
            return None
        return CrmTokens(
            database_url=self.crm_database_url, tenant_sql=self.crm_tenant_sql, token_sql=self.crm_token_sql
        )

    def callback_keys(self) -> tuple[RSAPublicKey, ...]:
        """The keys that verify callbacks: the configured ones, else the bank's own."""
        return load_keys(self.callback_public_key or built_in_key(self.api_base_url))


def process_environment() -> dict[str, str]:
    """The variables of `.env`, under those of the process."""
    file = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return {**file, **os.environ}


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from `environment`, or from `.env` and the process's environment where it is None.

    Raises:
        InvalidSettings: a variable is invalid or missing.
    """
    if environment is None:
        environment = process_environment()
    names = set(Settings.__struct_encode_fields__)
    chosen = {name: value.strip() for name, value in environment.items() if name in names and value.strip()}
    _refuse_typing_errors(environment, names)
    try:
        settings = msgspec.convert(chosen, Settings, strict=False)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        raise InvalidSettings(f"{name} is {chosen.get(name)!r}: {what.lower()}") from None
    return _checked(settings)


def hide_password(url: str) -> str:
    """A URL without its password."""
    return re.sub(r"//([^:/@]*):[^@]*@", r"//\1:***@", url)


def _refuse_typing_errors(environment: Mapping[str, str], names: set[str]) -> None:
    for name in environment:
        near = difflib.get_close_matches(name, names, 1, cutoff=0.85)
        if name.startswith("BILLING_") and name not in names and near:
            raise InvalidSettings(f"{name} is not a setting: did you mean {near[0]}?")


def _checked(settings: Settings) -> Settings:
    """Settings with completed URLs; every value is validated now, so that nothing fails later."""
    if bool(settings.client_id) != bool(settings.client_secret):
        missing = "BOG_CLIENT_SECRET" if settings.client_id else "BOG_CLIENT_ID"
        raise InvalidSettings(f"{missing} is missing: BOG_CLIENT_ID and BOG_CLIENT_SECRET go together")
    local_bank = is_nearby(settings.api_base_url)
    here = f"http://127.0.0.1:{settings.port}"
    domain = with_scheme(settings.api_domain).rstrip("/")
    frontend = with_scheme(settings.frontend_url).rstrip("/")
    if settings.client_id and not local_bank:
        for name, value in (("API_DOMAIN", domain), ("FRONTEND_URL", frontend)):
            if not value:
                raise InvalidSettings(f"{name} is missing: the bank at {settings.api_base_url} needs it")
    settings = msgspec.structs.replace(
        settings,
        api_domain=domain or here,
        frontend_url=frontend or here,
        auth_url=settings.auth_url.rstrip("/"),
        api_base_url=settings.api_base_url.rstrip("/"),
        callback_public_key=_pem(settings.callback_public_key),
    )
    for name, value in (
        ("BOG_AUTH_URL", settings.auth_url),
        ("BOG_API_BASE_URL", settings.api_base_url),
        ("API_DOMAIN", settings.api_domain),
        ("FRONTEND_URL", settings.frontend_url),
    ):
        check_address(name, value, local_bank=local_bank)
    if not settings.database_url.startswith(("sqlite:///", "postgresql://", "postgres://")):
        raise InvalidSettings(
            f"DATABASE_URL is {hide_password(settings.database_url)!r}: it must begin with sqlite:/// or postgresql://"
        )
    check_values(settings, local_bank=local_bank)
    return settings


def _pem(value: str) -> str:
    r"""A PEM given as text, as text with `\\n` in it, or as the path of a file."""
    if not value or "-----BEGIN" in value:
        return value.replace("\\n", "\n")
    try:
        return Path(value).read_text()
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"BOG_CALLBACK_PUBLIC_KEY is {value!r}: neither PEM text nor a file: {error}") from None
