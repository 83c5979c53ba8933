"""The storage port in memory, for unit tests and experiments."""

from echodesk_billing.adapters.memory.storage import MemoryStorage

__all__ = ["MemoryStorage"]
