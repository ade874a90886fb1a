"""The executor on Ray: it decides and writes what the one in this process does."""

from pathlib import Path

import pytest

from itnas.run import Run
from itnas.search.raytune.share import share_of
from itnas.search.replay import replay
from itnas.search.sweep import Means, Sweep
from itnas.store import RunReader
from tests.search.toy import failing, tables, toy_settings, toy_space, work


@pytest.mark.ray
def test_one_at_a_time_it_writes_what_the_inline_executor_writes(tmp_path: Path) -> None:
    written = []
    for engine in ("inline", "ray"):
        folder = tmp_path / engine
        with Sweep.create(folder, toy_space(), toy_settings(trials=10, confirm=1)) as sweep:
            assert sweep.run(Means(engine=engine, slots=1), work=work) == "ended"
        written.append(tables(folder))
    assert written[0] == written[1]


@pytest.mark.ray
def test_side_by_side_with_failures_it_can_be_replayed(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with Sweep.create(folder, toy_space(), toy_settings(trials=10)) as sweep:
        assert sweep.run(Means(engine="ray", slots=3), work=failing) == "ended"
    trials = Run(folder).trials()
    assert len(trials) == 20
    assert set(trials[trials["state"] == "failed"]["number"]) == {number for number in range(20) if number % 3 == 2}
    assert replay(RunReader(folder)).differing == 0


@pytest.mark.parametrize(
    ("nodes", "slots", "expected"),
    [
        ([{"CPU": 2.0}], None, (2, 1.0, 0.0)),
        ([{"CPU": 8.0}], 2, (2, 4.0, 0.0)),
        ([{"CPU": 8.0}], 3, (3, 2.0, 0.0)),
        ([{"CPU": 2.0}], 4, (4, 0.5, 0.0)),
        ([{"CPU": 1.0}, {"CPU": 1.0}], 1, (1, 1.0, 0.0)),
        ([{"CPU": 4.0}, {"CPU": 6.0}], 4, (4, 2.0, 0.0)),
        ([{"CPU": 16.0, "GPU": 1.0}], None, (2, 8.0, 0.5)),
        ([{"CPU": 16.0, "GPU": 2.0}, {"CPU": 16.0}], 3, (3, 8.0, 0.5)),
        ([{"CPU": 16.0, "GPU": 4.0}], 2, (2, 8.0, 2.0)),
    ],
)
def test_machines_are_shared_out_so_that_all_trials_fit(
    nodes: list[dict[str, float]], slots: int | None, expected: tuple[int, float, float]
) -> None:
    share = share_of(nodes, slots)
    assert (share.slots, share.cpu, share.gpu) == expected
    assert share.threads == max(1, int(share.cpu))


def test_a_cluster_without_processors_is_refused() -> None:
    with pytest.raises(ValueError, match="no CPUs"):
        share_of([{"GPU": 1.0}])
