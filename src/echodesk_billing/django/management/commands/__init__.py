"""Management commands: `manage.py billing_…`."""
