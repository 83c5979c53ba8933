"""State kept across restarts in a SQLite file: orders, idempotent answers, the signing key, the time."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Store:
    """Stores values by kind and key. Without a path they are lost when the process ends.

    Args:
        path: of the file; written only by this program, so its content is trusted.
    """

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS kept (kind TEXT, key TEXT, value BLOB, PRIMARY KEY (kind, key)) WITHOUT ROWID"
        )

    def put(self, kind: str, key: str, value: Any) -> None:
        """Store a value."""
        self._database.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (kind, key, pickle.dumps(value)))

    def get(self, kind: str, key: str) -> Any:
        """A stored value, or None."""
        row = self._database.execute("SELECT value FROM kept WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if row is None else pickle.loads(row[0])  # noqa: S301 - our own file

    def all(self, kind: str) -> Iterator[tuple[str, Any]]:
        """All stored values of a kind."""
        for key, value in self._database.execute("SELECT key, value FROM kept WHERE kind = ?", (kind,)).fetchall():
            yield key, pickle.loads(value)  # noqa: S301 - our own file

    def forget(self, *kinds: str) -> None:
        """Delete all values of these kinds."""
        for kind in kinds:
            self._database.execute("DELETE FROM kept WHERE kind = ?", (kind,))

    def close(self) -> None:
        """Close the file."""
        self._database.close()
