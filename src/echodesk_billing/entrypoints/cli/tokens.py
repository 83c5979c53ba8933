"""`token`: create, list and revoke access tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from echodesk_billing.entrypoints.cli.terminal import FAILED, OPERATOR, AsJson, Tenant, run_command, show, table_of
from echodesk_billing.ports.access import Principal, Scope

if TYPE_CHECKING:
    from echodesk_billing.container import Container
    from echodesk_billing.settings import Settings

commands = typer.Typer(no_args_is_help=True, help="Access tokens.")


MOST_DAYS = 36_500


@commands.command("create")
def token_create(
    tenant: Annotated[str, typer.Option(help="Lower-case name of the tenant, as in its web address.")],
    tenant_name: Annotated[str, typer.Option(help="The name on the payment page.")] = "",
    subdomain: Annotated[str, typer.Option(help="Of the tenant's pages; its id where omitted.")] = "",
    user: Annotated[str, typer.Option(help="Whose token it is.")] = "admin",
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What it allows; repeat the option for several scopes.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=MOST_DAYS, help="How many days it is valid.")] = 400,
    never: Annotated[bool, typer.Option("--never", help="It never expires.")] = False,
    name: Annotated[str, typer.Option(help="The user's full name, masked before the bank sees it.")] = "",
    email: Annotated[str, typer.Option(help="The user's e-mail, masked before the bank sees it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Create a token. It is shown only once."""
    principal = Principal(
        tenant_id=tenant,
        tenant_name=tenant_name or tenant,
        user_id=user,
        scopes=frozenset(scope or [Scope.READ, Scope.WRITE]),
        full_name=name,
        email=email,
        subdomain=subdomain,
    )

    async def work(container: Container, _settings: Settings) -> None:
        lifetime = None if never else timedelta(days=days)
        token = await container.tokens().issue(principal, by=OPERATOR.name, lifetime=lifetime)
        show({"token": token, "tenant": tenant}, lambda: token, as_json=as_json)

    run_command(work)


@commands.command("list")
def token_list(tenant: Tenant = None, as_json: AsJson = False) -> None:
    """List tokens by their first characters, newest first."""

    async def work(container: Container, _settings: Settings) -> None:
        tokens = await container.tokens().listed(tenant)
        rows = [
            {
                "prefix": token.prefix,
                "tenant": token.principal.tenant_id,
                "user": token.principal.user_id,
                "scopes": sorted(token.principal.scopes),
                "created_at": token.created_at,
                "expires_at": token.expires_at,
                "revoked_at": token.revoked_at,
                "issued_by": token.issued_by,
                "revoked_by": token.revoked_by,
            }
            for token in tokens
        ]

        def table() -> Table:
            table = table_of("prefix", "tenant", "user", "scopes", "created", "expires", "revoked")
            for token in tokens:
                who = token.principal
                moments = [
                    f"{at:%Y-%m-%d}" if at else "" for at in (token.created_at, token.expires_at, token.revoked_at)
                ]
                table.add_row(token.prefix, who.tenant_id, who.user_id, " ".join(sorted(who.scopes)), *moments)
            return table

        show(rows, table, as_json=as_json)

    run_command(work)


@commands.command("revoke")
def token_revoke(prefix: str, as_json: AsJson = False) -> None:
    """Revoke the tokens that begin with PREFIX, as `token list` shows it."""

    async def work(container: Container, _settings: Settings) -> int:
        revoked = await container.tokens().revoke(prefix, by=OPERATOR.name)
        show({"revoked": revoked}, lambda: f"{revoked} revoked", as_json=as_json)
        return 0 if revoked else FAILED

    run_command(work)
