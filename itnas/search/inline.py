"""The executor in this process: one trial after another, for debugging, notebooks and small sweeps."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from itnas.search.driver import Driver
from itnas.search.job import Failure, Job, Outcome
from itnas.search.work import HungError, Work, failure, perform


def run_inline(driver: Driver, work: Work = perform) -> None:
    """Run until the driver has nothing left, or is asked to stop."""
    while (job := driver.next_job()) is not None:
        if not _run(driver, job, work):
            driver.release(job)


def _run(driver: Driver, job: Job, work: Work) -> bool:
    """Do one job; whether it came to an end."""
    messages = work(job, driver.stop)
    until = None if job.timeout is None else time.monotonic() + job.timeout
    try:
        while True:
            try:
                with _limited(until, job):
                    message = next(messages, None)
            except HungError as error:
                # It rang when the work had just caught its breath, and could not turn it into a message itself.
                message = failure(error)
            if message is None:
                return False
            if driver.take(job, message) or isinstance(message, (Outcome, Failure)):
                return True
    finally:
        messages.close()


@contextmanager
def _limited(until: float | None, job: Job) -> Iterator[None]:
    """Raise `HungError` when the time is up. Signals reach the main thread alone, and only between two operations."""
    if until is None or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise HungError(f"hung: it had not ended after {job.timeout:g} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(until - time.monotonic(), 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
