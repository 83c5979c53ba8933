"""The registration of a tenant, completed when its first order is paid."""

from __future__ import annotations

import enum
from datetime import datetime

from attrs import Attribute, define, field, frozen

from echodesk_billing.domain.arguments import typed
from echodesk_billing.domain.customers.customer import require_email, require_language
from echodesk_billing.domain.customers.tenant import default_subdomain, subdomain, tenant_id
from echodesk_billing.domain.events import TenantRegistered


class RegistrationState(enum.StrEnum):
    """`pending` reserves the name until it expires; `registered` is final."""

    PENDING = "pending"
    REGISTERED = "registered"


def _schema_name(_applicant: object, _field: Attribute[str], value: str) -> None:
    tenant_id(value)


def _subdomain(_applicant: object, _field: Attribute[str], value: str) -> None:
    if value:
        subdomain(value)


def _email(_applicant: object, _field: Attribute[str], value: str) -> None:
    require_email("admin_email", value)


def _language(_applicant: object, _field: Attribute[str], value: str) -> None:
    require_language(value)


@frozen(kw_only=True, field_transformer=typed)
class Applicant:
    """The person who registers.

    Args:
        schema_name: becomes the tenant's id.
        subdomain: of its pages; the schema name as a host name where it is not given.
        name: of the company, shown on the payment page.
        language: `ka`, `en` or `ru`.

    Raises:
        InvalidTenant: the schema name or the subdomain is invalid or reserved.
        InvalidSelection: the e-mail address or the language is invalid.
    """

    schema_name: str = field(validator=_schema_name)
    name: str
    admin_email: str = field(validator=_email)
    admin_first_name: str = ""
    admin_last_name: str = ""
    language: str = field(default="ka", validator=_language)
    subdomain: str = field(default="", validator=_subdomain)

    @property
    def host_label(self) -> str:
        """The subdomain of its pages."""
        return self.subdomain or default_subdomain(self.schema_name)


@define(kw_only=True)
class Registration:
    """One registration attempt, with the order that pays for it.

    Args:
        sealed_payload: the CRM's payload, encrypted; None once it was erased.
        expires_at: until when the name is reserved.
        version: incremented with every stored change.

    Source: docs/registration.md.
    """

    order_id: str
    applicant: Applicant
    sealed_payload: bytes | None
    created_at: datetime
    expires_at: datetime
    state: RegistrationState = RegistrationState.PENDING
    version: int = 0

    def reserves_against(self, applicant: Applicant, now: datetime) -> bool:
        """Whether the name is taken for `applicant`: it is used, or reserved by another applicant."""
        if self.state is RegistrationState.REGISTERED:
            return True
        return now < self.expires_at and self.applicant.admin_email.lower() != applicant.admin_email.lower()

    def on_payment(self, at: datetime) -> list[TenantRegistered]:
        """Complete the registration once its order is paid, in time or late."""
        if self.state is RegistrationState.REGISTERED:
            return []
        self.state = RegistrationState.REGISTERED
        who = self.applicant
        return [
            TenantRegistered(
                tenant_id=who.schema_name,
                at=at,
                order_id=self.order_id,
                tenant_name=who.name,
                admin_email=who.admin_email,
                admin_first_name=who.admin_first_name,
                admin_last_name=who.admin_last_name,
                language=who.language,
                subdomain=who.host_label,
            )
        ]
