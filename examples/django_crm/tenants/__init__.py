"""The tenants of the CRM, and what billing tells about them."""
