"""Replaced kernels of planted layers, and what is written of a network that was examined."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

import itnas
from itnas.behaviour.budget import Curve
from itnas.behaviour.describe import Replaced, describe_examined, describe_network, packed_arrays, replaced_kernels
from itnas.behaviour.describe.replaced import DRAWN, EXAMPLES
from itnas.behaviour.describe.tables import curve_table, state_table
from itnas.behaviour.fidelity import Fidelity
from itnas.behaviour.scene import Inputs, Scene
from itnas.store.kernels import KernelFile
from tests.behaviour.planted import Planted, fixed, shift

N, B = 16, 12


def curve(*budgets: int, needed: int | None = None) -> Curve:
    return Curve(tuple((budget, Fidelity(0.5, 0.4, 0.6)) for budget in budgets), needed)


def planted(*heads: Tensor, causal: bool = True) -> Scene:
    return Scene(Planted(fixed(*heads), causal=causal), Inputs(torch.randn(B, N, 6)))


def fading() -> Tensor:
    offset = torch.arange(N).unsqueeze(1) - torch.arange(N)
    return torch.where(offset >= 0, 0.5 ** offset.abs().float(), 0.0)


def test_a_shift_is_one_offset_of_a_convolution() -> None:
    found = replaced_kernels(planted(shift()), range(N), {"convolution": curve(1, needed=1), "local": curve(1, 2)})
    convolution = found["convolution"]
    assert (convolution.budget, convolution.enough) == (1, True)
    assert convolution.kernel.shape == (EXAMPLES, 1, N, N)
    torch.testing.assert_close(convolution.kernel[0, 0], shift())
    assert (found["local"].budget, found["local"].enough) == (2, False)
    torch.testing.assert_close(found["local"].kernel[0, 0], shift())
    torch.testing.assert_close(found["dense"].kernel[1, 0], shift())
    assert found["dense"].enough is None


def test_a_fading_memory_is_one_state() -> None:
    found = replaced_kernels(planted(fading()), range(N), {"recurrence": curve(0, 1, needed=1)})["recurrence"]
    torch.testing.assert_close(found.kernel[0, 0], fading(), atol=1e-4, rtol=1e-3)
    nothing = replaced_kernels(planted(fading()), range(N), {"recurrence": curve(0, needed=0)})["recurrence"]
    assert nothing.budget == 0
    assert float((nothing.kernel[0, 0] - fading()).abs().max()) > 0.1


def test_low_rank_attention_is_blind_to_places() -> None:
    def product(u: Tensor, domain: object) -> Tensor:
        return (u @ u.mT).unsqueeze(1)

    scene = Scene(Planted(product), Inputs(torch.randn(B, N, 3)))
    found = replaced_kernels(scene, range(N), {})
    torch.testing.assert_close(found["attention"].kernel, scene.kernel[:EXAMPLES])
    assert float(found["dense"].kernel.norm() / scene.kernel[:EXAMPLES].norm()) < 0.9


def test_replacements_are_fitted_on_other_samples() -> None:
    def product(u: Tensor, domain: object) -> Tensor:
        return (u @ u.mT).unsqueeze(1)

    scene = Scene(Planted(product), Inputs(torch.randn(B, N, 3)))
    dense = replaced_kernels(scene, range(N), {})["dense"].kernel
    torch.testing.assert_close(dense[0], scene.kernel[EXAMPLES:].mean(0))


def test_families_with_budgets_none_of_which_was_tried_are_left_out() -> None:
    assert set(replaced_kernels(planted(shift()), range(N), {})) == {"dense", "attention", "positional"}
    tried = {family: curve(1) for family in DRAWN}
    assert set(replaced_kernels(planted(shift()), range(N), tried)) == set(DRAWN)


def test_only_some_rows_and_heads_are_kept() -> None:
    scene = planted(shift(), shift(), shift())
    found = replaced_kernels(scene, [0, 5, 6, 15], {}, most=6 * 2 * 16 * 2)
    assert found["dense"].kernel.shape == (EXAMPLES, 2, 4, 4)
    assert found["dense"].kernel[0, 0, 2, 1] == 1
    assert replaced_kernels(scene, range(N), {}, most=100) == {}


def test_two_samples_leave_none_to_fit_on() -> None:
    scene = Scene(Planted(fixed(shift())), Inputs(torch.randn(2, N, 6)))
    assert replaced_kernels(scene, range(N), {}) == {}


def test_a_family_that_cannot_be_fitted_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from itnas.behaviour.replacements.dense import Dense

    def fail(*_: object) -> Tensor:
        raise torch.linalg.LinAlgError("no solution")

    monkeypatch.setattr(Dense, "kernel", fail)
    assert set(replaced_kernels(planted(shift()), range(N), {})) == {"attention", "positional"}


@pytest.mark.parametrize("name", ["transformer", "gru"])
def test_what_is_written_of_an_examined_network(tmp_path: Path, name: str) -> None:
    task = itnas.task("local-pattern")
    network = itnas.build(name, task)
    verdicts = itnas.explain(network, task, lengths=(8, 16), copies=0, replica=2).layers
    described, replaced = describe_examined(network, task, 16, verdicts)
    assert [each.to_dict() for each in described] == [each.to_dict() for each in describe_network(network, task, 16)]
    path = tmp_path / "kernels.npz"
    path.write_bytes(packed_arrays({2: described}, verdicts, {2: replaced}))
    found = KernelFile.read(path)
    assert (found.replicas(), found.layers(2), found.examined()) == ([2], [0, 1], [(2, 0), (2, 1)])
    for verdict, own in zip(verdicts, replaced, strict=True):
        place = (2, verdict.layer)
        singular, averaged = (found.array(*place, each) for each in ("singular", "averaged"))
        assert singular is not None
        assert averaged is not None
        assert singular.shape == averaged.shape[:2]
        assert set(found.families(*place)) == set(own)
        assert bool(own) == (name == "transformer")
        kept = {row["family"]: row["needed"] for row in found.curves(*place)}
        assert kept == {family: each.needed for family, each in verdict.main.curves.items() if family != "none"}
        states = {row["length"]: row["needed"] for row in found.states(*place) if row["family"] == "recurrence"}
        assert states == verdict.states


def test_a_page_and_a_file_hold_the_same_evidence(tmp_path: Path) -> None:
    points = ((1, Fidelity(0.4, -math.inf, math.inf)), (2, Fidelity(math.nan, math.nan, math.nan)))
    curves = {"none": Curve(points), "convolution": Curve(points, 2), "recurrence": curve(1, 2)}
    evidence = {length: SimpleNamespace(curves=curves, needed=lambda name: curves[name].needed) for length in (8, 16)}
    verdict: Any = SimpleNamespace(replica=0, layer=0, by_length=evidence, main=evidence[16])
    path = tmp_path / "kernels.npz"
    path.write_bytes(packed_arrays({}, [verdict]))
    stored = KernelFile.read(path)
    for rows, table in (
        (stored.curves(0, 0), curve_table([verdict]).drop(columns="summary")),
        (stored.states(0, 0), state_table([verdict])),
    ):
        expected = pd.DataFrame([{"layer": 0, **row} for row in rows])
        pd.testing.assert_frame_equal(table, expected, check_dtype=False)
    assert curve_table([verdict])["low"].isna().tolist() == [True, True, False, False]
    assert state_table([verdict])["needed"].tolist() == [pd.NA, pd.NA, 2, 2]


def test_kernels_of_any_size_survive_half_precision(tmp_path: Path) -> None:
    task = itnas.task("local-pattern")
    described = describe_network(itnas.build("transformer", task), task, 8)
    kernel = torch.randn(2, 2, 8, 8)
    path = tmp_path / "kernels.npz"
    for size in (1e-20, 1.0, 1e20):
        stand_in = {"dense": Replaced(kernel * size, 1, None)}
        path.write_bytes(packed_arrays({0: described}, (), {0: [stand_in, {}]}))
        read = KernelFile.read(path).array(0, 0, "replaced.dense")
        np.testing.assert_allclose(read, (kernel * size).numpy(), atol=2e-3 * size)
    broken = {"dense": Replaced(torch.full((1, 1, 8, 8), math.nan), 1, None)}
    path.write_bytes(packed_arrays({0: described}, (), {0: [broken, {}]}))
    assert np.asarray(KernelFile.read(path).array(0, 0, "replaced.dense")).max() == 0


def test_older_calls_still_write_descriptions_alone(tmp_path: Path) -> None:
    task = itnas.task("local-pattern")
    path = tmp_path / "kernels.npz"
    path.write_bytes(packed_arrays({0: describe_network(itnas.build("transformer", task), task, 8)}))
    found = KernelFile.read(path)
    assert found.array(0, 1, "singular") is not None
    assert (found.examined(), found.families(0, 0)) == ([], {})
