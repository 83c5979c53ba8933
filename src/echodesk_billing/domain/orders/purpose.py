"""What orders pay for."""

from __future__ import annotations

import enum


class Purpose(enum.StrEnum):
    """What an order pays for; the prefix of its id."""

    SUBSCRIPTION = "SUB"
    RENEWAL = "REN"
    MANUAL = "MAN"
    UPGRADE = "UPG"
    REGISTRATION = "REG"
    CARD = "CARD"
