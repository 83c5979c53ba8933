"""A small CRM with a schema per tenant that sells subscriptions."""
