"""What is kept of a confirmed network: also how its kernels came to be."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from itnas.models import specialist
from itnas.search.job import Job, Outcome
from itnas.search.work import perform
from itnas.store.kernels import KernelFile

JOB = Job(
    trial=0,
    phase="confirm",
    attempt=1,
    task="local-pattern",
    genome=specialist("transformer").to_dict(),
    seed=0,
    replicas=2,
    rungs=(0.5, 1.0),
    steps=8,
    length=16,
    keep_from=float("-inf"),
    explain_from=float("-inf"),
    copies=1,
    test=True,
)


def _kernels(job: Job, folder: Path) -> KernelFile:
    *_, outcome = perform(job)
    assert isinstance(outcome, Outcome), outcome
    path = folder / "kernels.npz"
    path.write_bytes(outcome.files["kernels"]["kernels.npz"])
    return KernelFile.read(path)


@pytest.fixture(scope="module")
def confirmed(tmp_path_factory: pytest.TempPathFactory) -> KernelFile:
    return _kernels(JOB, tmp_path_factory.mktemp("kernels"))


def test_confirmed_kernels_are_watched_at_every_rung(confirmed: KernelFile) -> None:
    (replica,) = confirmed.replicas()
    for layer in confirmed.layers(replica):
        history, steps = (confirmed.array(replica, layer, name) for name in ("history", "history_steps"))
        offsets = confirmed.array(replica, layer, "history_offsets")
        assert history is not None
        assert steps is not None
        assert offsets is not None
        assert steps.tolist() == [4, 8]
        assert offsets.tolist() == list(range(-15, 16))
        assert history.shape == (2, 2, 31)
        assert not np.array_equal(history[0], history[1])
        # Rows of a causal softmax add up to one, and nobody looks ahead.
        assert np.abs(history[:, :, offsets < 0]).max() == 0
        assert history[:, :, offsets == 0].min() > 0


def test_watching_changes_nothing_that_is_trained(confirmed: KernelFile) -> None:
    watched, plain = (
        next(each for each in perform(job) if isinstance(each, Outcome))
        for job in (JOB, replace(JOB, explain_from=None, keep_from=None))
    )
    assert watched.result["score"] == plain.result["score"]


def test_networks_known_by_their_answers_are_not_watched(tmp_path: Path) -> None:
    found = _kernels(replace(JOB, genome=specialist("gru").to_dict(), replicas=1, copies=0), tmp_path)
    (replica,) = found.replicas()
    assert all(found.array(replica, layer, "history") is None for layer in found.layers(replica))


def test_trials_of_the_search_are_not_watched() -> None:
    *_, outcome = perform(replace(JOB, phase="search", test=False, copies=0))
    assert isinstance(outcome, Outcome)
    with np.load(io.BytesIO(outcome.files["kernels"]["kernels.npz"])) as arrays:
        assert not [name for name in arrays.files if "history" in name]
