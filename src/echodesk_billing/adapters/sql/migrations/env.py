"""What Alembic runs: on the connection it is given, never on one of its own."""

from alembic import context

from echodesk_billing.adapters.sql import unit_of_work  # noqa: F401 - which knows all tables
from echodesk_billing.adapters.sql.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=connection.dialect.name == "postgresql",
)
with context.begin_transaction():
    context.run_migrations()
