"""What Alembic runs: on the connection it is given, never on one of its own."""

from alembic import context

from echodesk_billing.adapters.sql import unit_of_work  # noqa: F401 - which knows all tables
from echodesk_billing.adapters.sql.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
