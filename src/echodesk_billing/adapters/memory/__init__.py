"""The storage port in memory: for unit tests, and for trying the domain out."""

from echodesk_billing.adapters.memory.storage import MemoryStorage

__all__ = ["MemoryStorage"]
