"""Who buys: tenants, their registration, their cards."""
