"""`python -m echodesk_billing` is `echodesk-billing`."""

from echodesk_billing.entrypoints.cli import main

main()
