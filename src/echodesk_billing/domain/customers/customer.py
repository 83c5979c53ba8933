"""Customers: who buys, and their billing profile."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import Attribute, define, evolve, field, frozen

from echodesk_billing.domain.arguments import require, typed
from echodesk_billing.domain.catalogue.catalogue import LANGUAGES
from echodesk_billing.domain.customers.tenant import default_subdomain
from echodesk_billing.domain.errors import InvalidSelection
from echodesk_billing.domain.events import BillingProfileChanged, Event

LONGEST_NAME = 200
LONGEST_ADDRESS = 500
MOST_EMAILS = 5
_EMAIL = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")
_CODE = re.compile(r"[A-Z0-9][A-Z0-9 ./-]{2,31}", re.ASCII)


def require_email(name: str, value: str) -> None:
    """Check an e-mail address.

    Args:
        name: of the field, for the error.

    Raises:
        InvalidSelection: it is not one.
    """
    if not _EMAIL.fullmatch(value) or len(value) > LONGEST_NAME or not value.isprintable():
        raise InvalidSelection(name, f"{value[:50]!r} is not an e-mail address")


def known_language(value: str) -> str:
    """A language of a tenant as its CRM has it; empty where it is none of ours."""
    return value if value in LANGUAGES else ""


def require_language(value: str) -> None:
    """Check a language.

    Raises:
        InvalidSelection: it is not one of `LANGUAGES`.
    """
    if value not in LANGUAGES:
        raise InvalidSelection("language", f"{value[:50]!r} is not a language here: give {', '.join(LANGUAGES)}")


def _text(_profile: object, attribute: Attribute[str], value: str) -> None:
    longest = LONGEST_ADDRESS if attribute.name == "address" else LONGEST_NAME
    if len(value) > longest or not value.replace("\n", " ").isprintable():
        raise InvalidSelection(attribute.name, f"{attribute.name}: give at most {longest} printable characters")


def _code(_profile: object, _attribute: Attribute[str], value: str) -> None:
    if value and not _CODE.fullmatch(value):
        raise InvalidSelection(
            "identification_code",
            f"{value[:50]!r} is not an identification code: a company has 9 digits, a person 11; from abroad, 3 to 32 "
            "capital letters, digits, spaces and . / -",
        )


def _emails(_profile: object, _attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > MOST_EMAILS:
        raise InvalidSelection("emails", f"Invoices go to at most {MOST_EMAILS} addresses")
    for one in value:
        require_email("emails", one)


def _language(_profile: object, _attribute: Attribute[str], value: str) -> None:
    require_language(value)


def _once(value: Sequence[str]) -> tuple[str, ...]:
    require("emails", value, Sequence[str])
    return tuple(dict.fromkeys(one.strip() for one in value))


@frozen(kw_only=True, field_transformer=typed)
class BillingProfile:
    """What invoices and mails need to know of a customer; empty where it is not known.

    Args:
        legal_name: as registered; the display name is printed where it is empty.
        identification_code: 9 digits of a company, 11 of a person, or a foreign one.
        is_vat_payer: whether it is registered for VAT.
        address: legal address, at most `LONGEST_ADDRESS` characters.
        emails: where invoices go, at most `MOST_EMAILS`.
        language: of invoices, mails and payment pages: `ka`, `en` or `ru`.

    Raises:
        InvalidSelection: a value is not valid; it names the field.
    """

    legal_name: str = field(default="", validator=_text)
    identification_code: str = field(default="", validator=_code)
    is_vat_payer: bool = False
    address: str = field(default="", validator=_text)
    emails: tuple[str, ...] = field(default=(), converter=_once, validator=_emails)
    language: str = field(default="ka", validator=_language)


@define(kw_only=True)
class Customer:
    """Who buys; there is one per tenant, from its first payment on.

    Args:
        tenant_id: its id, the CRM's schema name.
        subdomain: of its pages, which need not be the id; empty where it is not known.
        name: display name, on the payment page.
        created_at: when it first paid, or filled in its profile.
        imported_at: when it was imported from another billing system; None where it was not.
        version: incremented with every stored change.

    Source: docs/customers.md.
    """

    tenant_id: str
    subdomain: str = ""
    name: str
    profile: BillingProfile = field(factory=BillingProfile)
    created_at: datetime
    imported_at: datetime | None = None
    version: int = 0

    @property
    def host_label(self) -> str:
        """What `{tenant}` in addresses becomes."""
        return self.subdomain or default_subdomain(self.tenant_id)

    @property
    def buyer(self) -> str:
        """Its name on invoices."""
        return self.profile.legal_name or self.name

    def rename(self, name: str, subdomain: str = "") -> bool:
        """Set its names as the CRM has them, where it gives any; returns whether they changed."""
        names = (name or self.name, subdomain or self.subdomain)
        is_new = names != (self.name, self.subdomain)
        self.name, self.subdomain = names
        return is_new

    def change_profile(self, changes: dict[str, Any], at: datetime) -> list[Event]:
        """Change the given fields of its billing profile; invoices that were issued keep theirs.

        Raises:
            InvalidSelection: a value is not valid.
        """
        changed = evolve(self.profile, **changes)
        fields = tuple(sorted(name for name in changes if getattr(changed, name) != getattr(self.profile, name)))
        self.profile = changed
        return [BillingProfileChanged(tenant_id=self.tenant_id, at=at, fields=fields)] if fields else []
