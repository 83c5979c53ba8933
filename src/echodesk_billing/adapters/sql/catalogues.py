"""Versions of the catalogue: table, mapping and queries."""

from __future__ import annotations

import functools
from datetime import datetime

from sqlalchemy import (
    Column,
    Integer,
    Table,
    Text,
    select,
)

from echodesk_billing.adapters.sql.schema import UtcDateTime, document, metadata, value
from echodesk_billing.adapters.sql.session import Session
from echodesk_billing.adapters.sql.statement import Statement
from echodesk_billing.domain.catalogue.catalogue import Catalogue

catalogues = Table(
    "catalogues",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("loaded_by", Text, nullable=False, server_default=""),
)


def catalogue_document(catalogue: Catalogue) -> str:
    """A catalogue as a document."""
    return document(catalogue)


@functools.lru_cache(maxsize=4)
def to_catalogue(document: str) -> Catalogue:
    """A catalogue from its document; versions never change."""
    return value(document, Catalogue)


_CURRENT = Statement(select(catalogues).order_by(catalogues.c.version.desc()).limit(1))


class SqlCatalogues:
    """Versions of the catalogue."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def current(self) -> Catalogue:
        """By primary key, the last."""
        row = self._session.first(_CURRENT)
        return Catalogue() if row is None else to_catalogue(row.document)

    def add(self, catalogue: Catalogue, at: datetime, by: str) -> None:
        """Insert a version."""
        document = catalogue_document(catalogue)
        self._session.execute(
            catalogues.insert(),
            {"version": catalogue.version, "document": document, "created_at": at, "loaded_by": by},
        )
