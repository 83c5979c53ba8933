"""What a tenant has: terms, changes of plan, dunning."""
