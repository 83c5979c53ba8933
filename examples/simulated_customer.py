"""A customer of the simulated bank, for the examples in docs/. `make run` must be running in another terminal.

`open_billing()` opens the library on a new database with the demo catalogue on sale; `pay(billing, order)` pays.
"""

import contextlib
import json
import tempfile
import urllib.request
from datetime import timedelta

from echodesk_billing.entrypoints.catalogue_file import read_catalogue
from echodesk_billing.entrypoints.server.serving import packaged
from echodesk_billing.sync import Billing

BANK = "http://127.0.0.1:8081"
SETTINGS = {
    "BOG_CLIENT_ID": "demo",
    "BOG_CLIENT_SECRET": "demo",
    "BOG_AUTH_URL": f"{BANK}/auth/realms/bog/protocol/openid-connect/token",
    "BOG_API_BASE_URL": f"{BANK}/payments/v1",
    "BILLING_CLOCK_URL": f"{BANK}/sandbox/clock",
    "BILLING_LOG_LEVEL": "error",
}


@contextlib.contextmanager
def open_billing(**more):
    """The library on the simulated bank, with a database of its own and the demo catalogue on sale."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {**SETTINGS, "DATABASE_URL": f"sqlite:///{folder}/example.sqlite3", **more}
        with Billing.open(settings) as billing:
            billing.load_catalogue(read_catalogue(packaged("demo_catalogue.toml")))
            yield billing


def bank(path, body, method="POST"):
    """One of the simulated bank's control calls."""
    request = urllib.request.Request(f"{BANK}/sandbox/{path}", json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def refresh(billing, order):
    """What a callback would do: the order as the bank has it now."""
    billing.reconcile(older_than=timedelta(0))
    return billing.status(order.id, tenant_id=order.tenant_id)


def pay(billing, order, card="4000000000000001", **more):
    """Pay an order at the bank; gives the order as it is afterwards."""
    bank("pay", {"order_id": order.bank_order_id, "card": card, **more})
    return refresh(billing, order)


def wait(seconds):
    """Let time pass, at the bank and here."""
    bank("clock", {"advance": seconds})
