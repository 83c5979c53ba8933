"""Run by `test_clients` in an environment of its own: buys features with the generated client and pays."""

import json
import sys
import time
import urllib.request
import uuid
from urllib.parse import parse_qs, urlsplit

from billing_client import AuthenticatedClient
from billing_client.api.features import features_list
from billing_client.api.payments import create_payment, get_payment_status
from billing_client.api.subscription import get_subscription_me
from billing_client.models import CreatePayment

service, bank, token = sys.argv[1:]
client = AuthenticatedClient(base_url=service, token=token, raise_on_unexpected_status=True)

catalogue = features_list.sync(client=client)
chosen = [feature.key for feature in catalogue.results if feature.key == "tickets"]
created = create_payment.sync(
    client=client, body=CreatePayment(features=chosen, agent_count=5), idempotency_key=str(uuid.uuid4())
)
bank_order_id = parse_qs(urlsplit(created.payment_url).query)["order_id"][0]
pay = json.dumps({"order_id": bank_order_id, "card": "4000000000000001"}).encode()
urllib.request.urlopen(  # noqa: S310
    urllib.request.Request(f"{bank}/sandbox/pay", pay, {"Content-Type": "application/json"})  # noqa: S310
)
for _ in range(100):
    status = get_payment_status.sync(created.order_id, client=client)
    if status.status != "pending":
        break
    time.sleep(0.05)
mine = get_subscription_me.sync(client=client)
print(  # noqa: T201
    json.dumps(
        {
            "amount": f"{created.amount:.2f}",
            "status": status.status,
            "active": mine.subscription.is_active,
            "cost": f"{mine.subscription.monthly_cost:.2f}",
        }
    )
)
