"""The parts of the library's face; `echodesk_billing.Billing` is all of them together."""
