"""`mail`: mails to customers and to the operator."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from echodesk_billing.domain.notifications.mail import MailKind
from echodesk_billing.entrypoints.cli.terminal import AsJson, configured_settings, show

commands = typer.Typer(no_args_is_help=True, help="Mails.")


@commands.callback()
def mail() -> None:
    """Mails to customers and to the operator."""


EXAMPLE = {
    "amount": "145.00 GEL",
    "price": "145.00 GEL",
    "plan": "Professional",
    "number": "INV-2026-000012",
    "invoice": "INV-2026-000012",
    "invoice_id": "12",
    "credit_note_id": "3",
    "name": "Acme LLC",
    "code": "107",
    "paid_until": "2026-12-25T00:00:00+04:00",
    "charged_at": "2026-12-25T00:00:00+04:00",
    "effective_at": "2026-12-25T00:00:00+04:00",
    "ends_at": "2026-12-25T00:00:00+04:00",
    "retry_at": "2026-12-18T12:00:00+04:00",
    "due_since": "2026-11-26T09:30:00+04:00",
    "stalled_at": "2026-11-26T11:30:00+04:00",
    "failing_since": "2026-11-21T09:30:00+04:00",
    "subscriptions": "17",
    "endpoint_id": "we-4f0c",
    "tenant": "acme",
    "url": "https://crm.example.ge/billing",
    "problem": "it answered 500",
    "pay_url": "https://billing.example.ge/pay/…",
    "portal_url": "https://billing.example.ge/portal/enter/…",
}
"""What the previews of mails say."""


class Language(StrEnum):
    """The languages of mails."""

    KA = "ka"
    EN = "en"
    RU = "ru"


@commands.command("preview")
def mail_preview(
    name: Annotated[MailKind, typer.Argument(help="The kind of mail.")],
    language: Annotated[Language, typer.Option(help="Its language.")] = Language.KA,
    html: Annotated[bool, typer.Option("--html", help="Print the HTML instead of the text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a mail as it would be sent, with an example's figures and the templates of the settings."""
    from echodesk_billing.adapters.mail.templates import MailTemplates  # noqa: PLC0415

    settings = configured_settings()
    optional = {"unsubscribe_url": "https://billing.example.ge/mail/unsubscribe/…"} if name.is_optional else {}
    number = {"number": "CN-2026-000003"} if name is MailKind.REFUNDED else {}
    facts = {**EXAMPLE, **optional, **number, "product": settings.product_name}
    written = MailTemplates(settings.mail_templates, settings.time_zone).write(name, language, facts)
    if html and not as_json:
        print(written.html)  # noqa: T201 - for a browser, as it is
        return
    show(written, lambda: f"Subject: {written.subject}\n\n{written.text}", as_json=as_json)
