"""A run on disk: run.db is the single truth, and arrays stand beside it. Knows tables, not what they mean."""

from itnas.store.arrays import Arrays, placed
from itnas.store.connect import RunError
from itnas.store.lock import RunLock
from itnas.store.reader import RunReader
from itnas.store.writer import RunWriter

__all__ = ["Arrays", "RunError", "RunLock", "RunReader", "RunWriter", "placed"]
