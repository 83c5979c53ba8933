"""Ids of tenants are checked wherever one comes in."""

from __future__ import annotations

import pytest

from echodesk_billing import Applicant, InvalidTenant
from echodesk_billing.application.registration import Register
from echodesk_billing.domain.catalogue.pricing import Selection
from echodesk_billing.domain.customers.tenant import tenant_id
from tests.builders import principal
from tests.unit.conftest import World


@pytest.mark.parametrize("value", ["acme", "a", "acme-2", "acme_2", "2fast", "a" * 63])
def test_valid_and_invalid_tenant_ids(value: str) -> None:
    assert tenant_id(value) == value


@pytest.mark.parametrize(
    "value",
    ["", None, 7, "Acme", "evil.example/#", "a b", "-a", "_a", "a" * 64, "აკმე", "a\n", "a\0", "../x", "a%2f"],
)
def test_values_that_are_not_signatures(value: object) -> None:
    with pytest.raises(InvalidTenant):
        tenant_id(value)


@pytest.mark.parametrize("value", ["public", "www", "api", "admin", "information_schema", "pg_toast", "mine"])
def test_reserved_names_are_rejected(value: str) -> None:
    with pytest.raises(InvalidTenant, match="reserved"):
        tenant_id(value, reserved=("mine",))


@pytest.mark.parametrize("name", ["public", "pg_toast", "admin"])
async def test_a_reserved_name_cannot_be_registered(world: World, name: str) -> None:
    with pytest.raises(InvalidTenant, match="reserved"):
        Applicant(schema_name=name, name="X", admin_email="x@x.example")
    with pytest.raises(InvalidTenant, match="reserved"):
        Applicant(schema_name="acme", name="X", admin_email="x@x.example", subdomain="www")
    world.register = Register(*world.register_parts, reserved=("mine", "shop"))
    for applicant in (
        Applicant(schema_name="mine", name="X", admin_email="x@x.example"),
        Applicant(schema_name="acme", subdomain="shop", name="X", admin_email="x@x.example"),
    ):
        with pytest.raises(InvalidTenant, match="reserved"):
            await world.register.register(applicant, Selection(package_id=1))


async def test_no_token_is_issued_for_such_a_tenant(world: World) -> None:
    with pytest.raises(InvalidTenant):
        await world.tokens.issue(principal("Acme"))
