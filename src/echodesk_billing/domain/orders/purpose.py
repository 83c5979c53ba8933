"""The purposes of orders."""

from __future__ import annotations

import enum


class Purpose(enum.StrEnum):
    """The purpose of an order; the prefix of its id."""

    SUBSCRIPTION = "SUB"
    RENEWAL = "REN"
    MANUAL = "MAN"
    UPGRADE = "UPG"
    REGISTRATION = "REG"
    CARD = "CARD"
