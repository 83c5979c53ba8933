"""Checks of settings beyond their types; errors are one line that names the variable."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from email.utils import parseaddr
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import limits

from echodesk_billing.adapters.crm_access import WrongQuery, require_queries
from echodesk_billing.adapters.vault import FernetVault
from echodesk_billing.domain.errors import InvalidArgument, InvalidMoney
from echodesk_billing.domain.money import Money, positive
from echodesk_billing.domain.notifications.mail import MailKind
from echodesk_billing.setting_values import InvalidSettings, durations, is_local, is_nearby, scheme_and_host

if TYPE_CHECKING:
    from echodesk_billing.settings import Settings


def check_address(name: str, value: str, *, local_bank: bool = False) -> None:
    """Check that a variable is an https:// address, or a plain one of this machine.

    Args:
        local_bank: the bank is simulated here or in a container beside: then plain http reaches such containers too.

    Raises:
        InvalidSettings: it is not.
    """
    scheme, host = scheme_and_host(value)
    if scheme not in ("http", "https") or not host:
        raise InvalidSettings(f"{name} is {value!r}: it must be an https:// address")
    if scheme == "http" and not (is_local(value) or (local_bank and is_nearby(value))):
        raise InvalidSettings(f"{name} is {value!r}: plain http is for this machine only, use https://")


def check_values(settings: Settings, *, local_bank: bool) -> None:
    """Check what the types of the settings do not say.

    Raises:
        InvalidSettings: a value cannot be used.
    """
    _check_renewals(settings)
    try:
        settings.callback_keys()
    except ValueError as error:
        raise InvalidSettings(f"BOG_CALLBACK_PUBLIC_KEY cannot be used: {error}") from None
    _check_crm(settings)
    try:
        settings.cors_origins()
    except ValueError as error:
        raise InvalidSettings(
            f"BILLING_CORS_ORIGINS has {str(error)!r}: give origins such as https://crm.example.ge or "
            "https://*.example.ge (* is one label), with commas between; plain http is for this machine only"
        ) from None
    try:
        ZoneInfo(settings.time_zone)
    except (ValueError, OSError, KeyError):
        raise InvalidSettings(
            f"BILLING_TIME_ZONE is {settings.time_zone!r}: it must be a name such as Asia/Tbilisi"
        ) from None
    try:
        positive(Money.parse(settings.card_check_amount), "it")
    except InvalidMoney as error:
        raise InvalidSettings(f"BILLING_CARD_CHECK_AMOUNT is {settings.card_check_amount!r}: {error}") from None
    _check_invoices(settings)
    _check_notifications(settings)
    for name, value in (
        ("BILLING_RATE_LIMIT_PER_TOKEN", settings.token_rate_limit),
        ("BILLING_RATE_LIMIT_PER_ADDRESS", settings.address_rate_limit),
        ("BILLING_RATE_LIMIT_REGISTRATION", settings.registration_rate_limit),
    ):
        try:
            limits.parse(value)
        except ValueError:
            raise InvalidSettings(f"{name} is {value!r}: it must be like 300/minute") from None
    if settings.clock_url:
        check_address("BILLING_CLOCK_URL", settings.clock_url, local_bank=local_bank)
        if not local_bank:
            raise InvalidSettings(
                "BILLING_CLOCK_URL is set while BOG_API_BASE_URL is not on this machine: "
                "a simulated clock never goes with a real bank"
            )


def _check_renewals(settings: Settings) -> None:
    for name, value in (
        ("BILLING_RETRY_AFTER", settings.retry_after),
        ("BILLING_REMIND_BEFORE", settings.remind_before),
        ("BILLING_REMIND_UNPAID", settings.remind_unpaid),
    ):
        try:
            durations(value)
        except ValueError:
            raise InvalidSettings(f"{name} is {value!r}: it must be hours and days such as 4h, 3d, 7d") from None
    try:
        FernetVault(settings.encryption_keys)
    except ValueError:
        raise InvalidSettings(
            "BILLING_ENCRYPTION_KEYS is wrong: each key must be 32 bytes in URL-safe base64, as "
            "cryptography.fernet.Fernet.generate_key() makes them, with commas between"
        ) from None
    if settings.registration_url:
        check_address("BILLING_REGISTRATION_URL", settings.registration_url)
    try:
        pages = settings.return_pages().pages
    except InvalidArgument as error:
        raise InvalidSettings(f"BILLING_RETURN_URLS: {error}") from None
    for page in pages.values():
        if not page.startswith("/"):
            check_address("BILLING_RETURN_URLS", page)


def _check_mail_server(settings: Settings) -> None:
    scheme, host = scheme_and_host(settings.smtp_url)
    if scheme not in ("smtp", "smtps") or not host:
        raise InvalidSettings("BILLING_SMTP_URL must be like smtp://user:password@mail.example.ge:587, or smtps://…")
    if "@" not in parseaddr(settings.mail_from)[1]:
        raise InvalidSettings(
            f"BILLING_MAIL_FROM is {settings.mail_from!r}: it must be a sender such as EchoDesk <billing@echodesk.ge>"
        )


def _check_notifications(settings: Settings) -> None:
    if settings.smtp_url:
        _check_mail_server(settings)
    if settings.operator_email and "@" not in settings.operator_email:
        raise InvalidSettings(f"BILLING_OPERATOR_EMAIL is {settings.operator_email!r}: it must be an e-mail address")
    if settings.mail_templates and not Path(settings.mail_templates).is_dir():
        raise InvalidSettings(f"BILLING_MAIL_TEMPLATES is {settings.mail_templates!r}: there is no such folder")
    try:
        settings.silent_mails()
    except ValueError as error:
        raise InvalidSettings(f"BILLING_MAILS_OFF: {error}; the kinds are {', '.join(MailKind)}") from None
    try:
        settings.private_targets()
    except ValueError as error:
        raise InvalidSettings(f"BILLING_WEBHOOK_NETWORKS: {error}; give networks such as 10.0.0.0/8") from None
    _check_spans(settings)
    try:
        settings.proxies()
    except ValueError as error:
        raise InvalidSettings(f"BILLING_TRUSTED_PROXIES: {error}; give networks such as 10.0.0.0/8") from None


_SPANS = {
    "BILLING_STALLED_AFTER": timedelta(0),
    "BILLING_WEBHOOK_DISABLE_AFTER": timedelta(0),
    "BILLING_KEEP_ANSWERS": timedelta(hours=24),
    "BILLING_KEEP_REFUSED_CALLBACKS": timedelta(days=1),
    "BILLING_KEEP_TOKENS": timedelta(days=1),
    "BILLING_KEEP_MAILS": timedelta(days=1),
    "BILLING_KEEP_WEBHOOKS": timedelta(days=1),
    "BILLING_KEEP_EVENTS": timedelta(days=30),
    "BILLING_KEEP_STEPS": timedelta(days=90),
}
"""Settings that are spans of time, and the shortest that is safe."""


def _check_spans(settings: Settings) -> None:
    named = dict(zip(settings.__struct_encode_fields__, settings.__struct_fields__, strict=True))
    for name, shortest in _SPANS.items():
        value = getattr(settings, named[name])
        try:
            (span,) = durations(value)
        except ValueError:
            span = timedelta(0)
        if shortest > span > timedelta(0):
            raise InvalidSettings(f"{name} is {value!r}: it must be {shortest.days} day(s) or more")
        if not span:
            raise InvalidSettings(f"{name} is {value!r}: it must be a number of hours or days, such as 2h or 5d")


def _check_invoices(settings: Settings) -> None:
    percent = settings.vat_percent
    if not (percent.is_finite() and 0 <= percent < Decimal(100)):
        raise InvalidSettings(f"BILLING_VAT_PERCENT is {str(percent)!r}: it must be a number such as 18")
    if settings.logo and not Path(settings.logo).is_file():
        raise InvalidSettings(f"BILLING_SELLER_LOGO is {settings.logo!r}: there is no such file")


def _check_crm(settings: Settings) -> None:
    crm = settings.crm_tokens()
    if crm is None:
        return
    if not crm.database_url.startswith(("postgresql://", "postgres://")):
        raise InvalidSettings("BILLING_CRM_DATABASE_URL must begin with postgresql://")
    try:
        require_queries(crm)
    except WrongQuery as error:
        raise InvalidSettings(str(error)) from None
