"""`echodesk-billing`: one module per group of commands."""
