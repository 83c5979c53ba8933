"""On PostgreSQL the table of tokens tells whoever listens that a token was changed or deleted, whoever does it."""

from alembic import op

from echodesk_billing.adapters.sql.migrations.online import is_postgres

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

CHANNEL = "billing_tokens"


def upgrade() -> None:
    if not is_postgres():
        return
    op.execute(
        "CREATE FUNCTION tell_of_tokens() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$"
    )
    op.execute(
        "CREATE TRIGGER tell_of_tokens AFTER UPDATE OR DELETE ON tokens "
        "FOR EACH STATEMENT EXECUTE FUNCTION tell_of_tokens()"
    )


def downgrade() -> None:
    if is_postgres():
        op.execute("DROP TRIGGER tell_of_tokens ON tokens")
        op.execute("DROP FUNCTION tell_of_tokens()")
