"""The Trainable that does jobs, one after another in the same process."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from typing import Any

from ray.tune import Trainable

from itnas.search.job import Failure, Job, Message, Outcome, Rung, Started
from itnas.search.work import Work

MESSAGES = "messages"  # where a result holds them


class JobTrainable(Trainable):
    """`config` holds a job as JSON. `tasks`: users' tasks by the names that jobs use, whose files may not be here.
    `environment`: where the driver has data sets."""

    def setup(  # type: ignore[override]  # Tune passes on what `with_parameters` was given
        self, config: dict[str, Any], work: Work, tasks: dict[str, type], threads: int, environment: dict[str, str]
    ) -> None:
        # A node that keeps data sets elsewhere says so itself.
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(threads)
        import torch

        from itnas.tasks.lookup import provide

        torch.set_num_threads(threads)
        for name, kind in tasks.items():
            provide(name, kind)
        self.work = work
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        self.job = Job.from_json(config["job"])
        # A trial may hang where no exception reaches it: then the process goes.
        if self.job.timeout is not None:
            faulthandler.dump_traceback_later(self.job.timeout, exit=True)
        self.messages: Iterator[Message] = self.work(self.job, lambda: False)

    def step(self) -> dict[str, Any]:
        """One rung, or the end with the last rung: each result is a way to the driver and back."""
        found: list[Message] = []
        for message in self.messages:
            found.append(message)
            if isinstance(message, Rung) and message.rung < len(self.job.rungs):
                return {MESSAGES: found, "done": False}
            if isinstance(message, (Outcome, Failure)):
                break
        faulthandler.cancel_dump_traceback_later()
        if not found or isinstance(found[-1], (Started, Rung)):
            found.append(Failure("the training ended without a result"))
        return {MESSAGES: found, "done": True}

    def cleanup(self) -> None:
        faulthandler.cancel_dump_traceback_later()
