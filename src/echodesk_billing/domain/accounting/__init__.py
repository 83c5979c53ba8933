"""The journal, invoices, and the comparison with the bank."""
