"""The demo of `make run`: the simulated bank, the service on SQLite, a demo tenant, and the next steps."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec

from echodesk_billing.application.tokens import Tokens
from echodesk_billing.container import open_container
from echodesk_billing.domain.errors import BillingError
from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.demo.environment import written_for_commands
from echodesk_billing.entrypoints.demo.mailbox import Mailbox, mail_server
from echodesk_billing.entrypoints.demo.return_pages import return_pages
from echodesk_billing.entrypoints.server.serving import packaged, serving, until_stopped
from echodesk_billing.ports.access import Principal, Scope
from echodesk_billing.setting_values import InvalidSettings
from echodesk_billing.settings import Settings

DEMO = Principal(
    tenant_id="demo",
    tenant_name="Demo LLC",
    user_id="admin",
    scopes=frozenset({Scope.READ, Scope.WRITE}),
    full_name="Nino Beridze",
    email="nino@demo.example",
)
OPERATOR = Principal(
    tenant_id="echodesk", tenant_name="EchoDesk", user_id="operator", scopes=frozenset({Scope.OPERATOR})
)
DEMO_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a demonstration keeps no secrets").digest()).decode()
DEMO_ACCOUNT = "GE00BG0000000000000000"
DEMO_SENDER = "EchoDesk <billing@echodesk.example>"
DEMO_OPERATOR = "operator@echodesk.example"
START_WITHIN_SECONDS = 20.0
STOP_WITHIN_SECONDS = 2.0
DEV_WORK_EVERY_SECONDS = 0.25  # the clock can be advanced, and a person is watching


class SandboxFailed(BillingError):
    """The simulated bank did not start."""


async def run_dev(settings: Settings) -> None:
    """Run bank and service until stopped, and print URLs and tokens for people and scripts.

    Raises:
        InvalidSettings: a port is taken.
        SandboxFailed: the simulated bank did not start.
    """
    _refuse_taken(settings.host, settings.port, "BILLING_PORT")
    _refuse_taken("127.0.0.1", settings.sandbox_port, "SANDBOX_PORT")
    mailbox = Mailbox()
    async with _sandbox(settings) as (bank, public_key), mail_server(mailbox) as mail_url:
        settings = _with_mail(_with_bank(settings, bank, public_key), mail_url)
        async with open_container(settings) as container:
            await container.load_catalogue().load(read_catalogue(packaged("demo_catalogue.toml")))
            token = await _only_token(container.tokens(), DEMO, settings.demo_token)
            operator = await _only_token(container.tokens(), OPERATOR, settings.demo_operator_token)
            catalogue = await container.views().catalogue()
            await container.customers().change_profile(DEMO, {"emails": [DEMO.email]})
            pages = [*return_pages(DEMO), *mailbox.pages()]
            async with serving(container, settings, pages) as service:
                with written_for_commands(settings) as environment:
                    _say(f"service: {service}")
                    _say(f"bank: {bank}")
                    _say(f"token: {token}")
                    _say(f"operator-token: {operator}")
                    _say(f"mailbox: {service}/mailbox/")
                    _say(f"console: {service}/console/")
                    for package in catalogue.packages:
                        _say(f"package: {package.id} {package.display_name}")
                    if environment is not None:
                        _say(f"environment: {environment}")
                    _say(_HINT.format(service=service, bank=bank, token=token))
                    _say("ready")
                    await until_stopped()


async def _only_token(tokens: Tokens, who: Principal, chosen: str) -> str:
    """A new token, or the chosen one; those of earlier runs end."""
    await tokens.forget(who.tenant_id)
    return await tokens.issue(who, lifetime=None, secret=chosen or secrets.token_hex(32))


def _refuse_taken(host: str, port: int, variable: str) -> None:
    """Notice a taken port before another program that listens there is mistaken for ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            reason = f"{error.strerror or error}; set {variable} to a free port"
            raise InvalidSettings(f"{variable} is {port}: cannot listen on {host}:{port}: {reason}") from error


_HINT = """
Start a payment, and open the payment_url it answers in a browser:

  curl -s {service}/api/payments/create/ -H 'Authorization: Token {token}' \\
    -H 'Content-Type: application/json' -d '{{"package_id": 2, "agent_count": 3}}'

Pay with 4000 0000 0000 0001 (or see 4000 0000 0000 0002 declined), then:

  curl -s {service}/api/subscription/me/ -H 'Authorization: Token {token}'

Move a month on, and watch it renew itself:

  curl -s {bank}/sandbox/clock -d '{{"advance": 2678400}}'
  curl -s {service}/api/payments/invoices/ -H 'Authorization: Token {token}'

See the mails that customers get at {service}/mailbox/, and open the customer portal at the address in

  curl -s -X POST {service}/api/portal/sessions/ -H 'Authorization: Token {token}'

Open the console at {service}/console/ with the operator-token, or look from the command line, in this folder:

  .venv/bin/echodesk-billing status
  .venv/bin/echodesk-billing order list

The API is described at {service}/docs. Stop with Ctrl-C.
"""


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _with_bank(settings: Settings, bank: str, public_key: str) -> Settings:
    return msgspec.structs.replace(
        settings,
        client_id="demo",
        client_secret="demo",  # noqa: S106 - of the simulated bank
        auth_url=f"{bank}/auth/realms/bog/protocol/openid-connect/token",
        api_base_url=f"{bank}/payments/v1",
        callback_public_key=public_key,
        clock_url=f"{bank}/sandbox/clock",
        work_every_seconds=min(settings.work_every_seconds, DEV_WORK_EVERY_SECONDS),
        encryption_key_list=settings.encryption_key_list or DEMO_KEY,
        seller_account=settings.seller_account or DEMO_ACCOUNT,
    )


def _with_mail(settings: Settings, mail_url: str) -> Settings:
    """Mails go to the demo's own mailbox, and webhooks may reach this machine."""
    return msgspec.structs.replace(
        settings,
        smtp_url=settings.smtp_url or mail_url,
        mail_from=settings.mail_from or DEMO_SENDER,
        operator_email=settings.operator_email or DEMO_OPERATOR,
        webhook_networks=settings.webhook_networks or "127.0.0.0/8,::1/128",
    )


@asynccontextmanager
async def _sandbox(settings: Settings) -> AsyncIterator[tuple[str, str]]:
    """The simulated bank in its own process; yields its URL and public key."""
    bank = f"http://127.0.0.1:{settings.sandbox_port}"
    command = ("-m", "bog_sandbox", "--port", str(settings.sandbox_port))
    identity = ("--client-id", "demo", "--client-secret", "demo")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, *identity, *_state(settings), start_new_session=True
    )
    try:
        yield bank, await _public_key(bank, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), STOP_WITHIN_SECONDS)
            except TimeoutError:
                process.kill()
        await process.wait()


def _state(settings: Settings) -> tuple[str, ...]:
    """The bank stores its state beside our database, so that both know the same orders after a restart."""
    file = settings.database_url.removeprefix("sqlite:///")
    return () if file == settings.database_url else ("--state", f"{file}.bank")


async def _public_key(bank: str, process: asyncio.subprocess.Process) -> str:
    """The bank's public key, once it answers."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(START_WITHIN_SECONDS):
        while process.returncode is None:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{bank}/sandbox/public-key") as response:
                    return await response.text()
            await asyncio.sleep(0.05)
    port = bank.rpartition(":")[2]
    raise SandboxFailed(f"The simulated bank did not start at {bank}: is SANDBOX_PORT {port} in use?")
