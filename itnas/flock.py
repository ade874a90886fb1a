"""Locks on open files, which end with the process that holds them, however that ends."""

from __future__ import annotations


def locked(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file, or say at once that another holds it. A disk that knows no locks is an OSError."""
    try:
        import fcntl
    except ImportError:  # not POSIX
        return True
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
