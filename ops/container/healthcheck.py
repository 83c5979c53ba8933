"""Exit 0 where this container answers `/healthz`: a worker on BILLING_WORK_PORT, the service on BILLING_PORT."""

import os
import sys
import urllib.request

port = os.environ.get("BILLING_WORK_PORT") or os.environ.get("BILLING_PORT") or "8080"
try:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
        sys.exit(answer.status != 200)
except OSError as error:
    sys.exit(f"/healthz on port {port}: {error}")
