"""A customer who pays at the simulated bank, for the examples in docs/: `pay(billing, order)`."""

import json
import os
import urllib.request
from datetime import timedelta

BANK = os.environ.get("BOG_API_BASE_URL", "http://127.0.0.1:8081/payments/v1").removesuffix("/payments/v1")


def bank(path, body, method="POST"):
    """One of the simulated bank's control calls."""
    request = urllib.request.Request(f"{BANK}/sandbox/{path}", json.dumps(body).encode(), method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def reconcile_due(billing, order):
    """What a callback would tell: the order as the bank has it now."""
    billing.reconcile(older_than=timedelta(0))
    return billing.status(order.id, tenant_id=order.tenant_id)


def pay(billing, order, card="4000000000000001", **more):
    """Pay, and find out that it was paid."""
    bank("pay", {"order_id": order.bank_order_id, "card": card, **more})
    return reconcile_due(billing, order)


def wait(seconds):
    """Let time pass, at the bank and here."""
    bank("clock", {"advance": seconds})
