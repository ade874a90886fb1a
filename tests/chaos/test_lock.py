"""A run's lock while others look at it all the time, as `itnas status --watch` and dashboards do."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

from itnas.store import RunLock
from itnas.store.lock import driven

LOOKERS = 4


def test_looking_keeps_no_driver_out_and_no_looker_is_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "driver.lock").touch()
    over = Event()

    def look() -> int:
        """How often a driver was seen."""
        found = 0
        while not over.wait(0.001):
            found += driven(tmp_path)
        return found

    with ThreadPoolExecutor(LOOKERS) as pool:
        looking = [pool.submit(look) for _ in range(LOOKERS)]
        time.sleep(0.5)
        over.set()
        assert not any(look.result() for look in looking)
        over.clear()
        looking = [pool.submit(look) for _ in range(LOOKERS)]
        try:
            for _ in range(50):
                with RunLock(tmp_path):
                    assert driven(tmp_path)
        finally:
            over.set()
