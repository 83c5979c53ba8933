"""Use cases, one module per subject: each loads, asks the domain and saves."""
