"""Jobs of procrastinate, in memory."""

from __future__ import annotations

from collections.abc import Sequence


class NoQueue:
    def put(self, task: str, tenants: Sequence[str], trace: str = "") -> None:
        """There are no queue workers in memory; due work is processed directly."""
