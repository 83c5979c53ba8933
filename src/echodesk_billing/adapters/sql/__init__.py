"""The storage port on SQLite and PostgreSQL, with SQLAlchemy Core."""
