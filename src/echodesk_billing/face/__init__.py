"""The parts of `echodesk_billing.Billing`, by subject."""
