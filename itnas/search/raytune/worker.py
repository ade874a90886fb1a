"""The Trainable that does jobs, one after another in the same process."""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from typing import Any

from ray.tune import Trainable

from itnas.search.job import Failure, Job, Message, Outcome, Rung, Started

MESSAGES = "messages"  # where a result holds them


class JobTrainable(Trainable):
    """`config`: the job as JSON, the threads it may use, and the users' tasks that its name may need."""

    def setup(self, config: dict[str, Any]) -> None:
        for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
            os.environ[name] = str(config["threads"])
        import torch

        torch.set_num_threads(config["threads"])
        self._begin(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._begin(new_config)
        return True

    def _begin(self, config: dict[str, Any]) -> None:
        from itnas.search.work import perform
        from itnas.tasks.lookup import provide

        for name, kind in config["tasks"].items():
            provide(name, kind)
        self.job = Job.from_json(config["job"])
        self.worker = ""
        # A trial may hang where no exception reaches it: then the process goes.
        if self.job.timeout is not None:
            faulthandler.dump_traceback_later(self.job.timeout, exit=True)
        self.messages: Iterator[Message] = perform(self.job)

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
