"""A first payment against `make run`: python3 examples/first_payment.py TOKEN [SERVICE-ADDRESS].

Only the standard library: it pays as a browser without scripts would, form by form.
"""

import json
import re
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
    print(__doc__)
    sys.exit(0 if sys.argv[1:] in (["-h"], ["--help"]) else 2)
TOKEN = sys.argv[1]
SERVICE = sys.argv[2] if len(sys.argv) > 2 else "http://127.0.0.1:8080"


def fail(kind, error, trace):
    """Say in a line what went wrong, where it is not this program."""
    if isinstance(error, urllib.error.HTTPError):
        sys.exit(f"{error.url} answered {error.code}: {error.read().decode(errors='replace')[:300]}")
    if isinstance(error, (urllib.error.URLError, ConnectionError)):
        sys.exit(f"{SERVICE} cannot be reached: {error}. Is `make run` running in another terminal?")
    if isinstance(error, ValueError):
        sys.exit(f"{SERVICE} is no address of the service: {error}")
    sys.__excepthook__(kind, error, trace)


sys.excepthook = fail


def call(path, body=None):
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(SERVICE + path, data, headers)) as answer:
        return json.load(answer)


def submit(page_url, action, **fields):
    """Send a form of the bank's page; gives the page it leads to."""
    order_id = urllib.parse.parse_qs(urllib.parse.urlsplit(page_url).query)["order_id"][0]
    form = urllib.parse.urlencode({"order_id": order_id, **fields}).encode()
    with urllib.request.urlopen(urllib.parse.urljoin(page_url, action), form) as page:
        return page.url, page.read().decode()


payment = call("/api/payments/create/", {"package_id": 2, "agent_count": 3, "language": "en"})
print(f"created  {payment['order_id']}: {payment['amount']:.2f} {payment['currency']}, pay at {payment['payment_url']}")

url, page = submit(payment["payment_url"], "/pay", card="4000000000000001", expiry="12/30", cvv="123")
assert re.search("Confirm", page), "the bank asks to confirm"
submit(url, "/3ds", answer="confirm")

while (status := call(f"/api/payments/status/{payment['order_id']}/"))["status"] == "pending":
    time.sleep(0.1)
print(f"{status['status']:8} {status['message']}")

mine = call("/api/subscription/me/")
state, until = mine["subscription"]["state"], mine["subscription"]["expires_at"][:10]
print(f"{state:8} {mine['package']['display_name']} for {mine['subscription']['agent_count']} agents until {until}")
