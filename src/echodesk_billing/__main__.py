"""`python -m echodesk_billing` is `echodesk-billing`."""

from echodesk_billing.entrypoints.cli.main import main

main()
