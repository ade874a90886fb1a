"""`itnas explain` as users run it on a real training: of one replica and of all."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from itnas.training import checkpoint
from tests.cli_explain.small import QUICK
from tests.started import Inside, itnas


def best(trained: Path) -> int:
    return int(checkpoint.load(trained / "weights.safetensors")[1]["replica"])


def test_json_is_the_explanation_of_the_best_replica(trained: Path, inside: Inside) -> None:
    code, out, errors = inside("explain", trained, *QUICK, "--json")
    assert (code, errors) == (0, "")
    found = json.loads(out)
    assert found["task"] == "local-pattern/length=16"
    assert found["lengths"] == [8, 16]
    layers = [row for row in found["layers"] if row["head"] is None]
    assert [row["layer"] for row in layers] == [0, 1]
    assert {row["replica"] for row in found["layers"]} == {best(trained)}
    assert {"family", "support", "state_size", "growth_state", "growth_support", "imposed"} <= set(layers[0])
    assert list(found["whole"]) == [str(best(trained))]


@pytest.mark.parametrize("name", ["weights.safetensors", "replicas.safetensors"])
def test_a_file_in_the_folder_will_do(trained: Path, inside: Inside, name: str) -> None:
    shown = inside("explain", trained, *QUICK, "--json")[1]
    assert inside("explain", trained / name, *QUICK, "--json")[1] == shown


def test_the_best_replica_by_its_number(trained: Path, inside: Inside) -> None:
    """Its part of the stacked weights is what has a file of its own."""
    shown = inside("explain", trained, *QUICK, "--json")[1]
    assert inside("explain", trained, *QUICK, "--json", "--replica", best(trained))[1] == shown


def test_every_replica_of_the_chosen_learning_rate(trained: Path, inside: Inside) -> None:
    result = json.loads((trained / "result.json").read_text())
    own = [n for n, each in enumerate(result["replicas"]) if each["learning_rate"] == result["learning_rate"]]
    found = json.loads(inside("explain", trained, *QUICK, "--json", "--all")[1])
    assert [each["layers"][0]["replica"] for each in found] == own
    assert len(own) == 2
    layers = [layer for each in found for layer in each["layers"] if layer["layer"] == 0 and layer["head"] is None]
    commonest, count = Counter(layer["family"] for layer in layers).most_common(1)[0]
    told = inside("explain", trained, *QUICK, "--all")[1].splitlines()
    summary = told[told.index("Over 2 replicas") + 1 :]
    assert summary[0].startswith(f"Layer 1: {commonest} in {count} of 2 (95 %: ")
    rows = list(csv.DictReader(io.StringIO(inside("explain", trained, *QUICK, "--csv", "--all")[1])))
    assert len(rows) == sum(len(each["layers"]) for each in found)
    assert {row["replica"] for row in rows} == set(map(str, own))


def test_replicas_that_died_are_left_out(copied: Path, inside: Inside) -> None:
    result = json.loads((copied / "result.json").read_text())
    own = [n for n, each in enumerate(result["replicas"]) if each["learning_rate"] == result["learning_rate"]]
    result["replicas"][own[0]]["died"] = 3
    (copied / "result.json").write_text(json.dumps(result))
    found = json.loads(inside("explain", copied, *QUICK, "--json", "--all")[1])
    assert [each["layers"][0]["replica"] for each in found] == own[1:]
    code, _, errors = inside("explain", copied, *QUICK, "--replica", own[0])
    assert code == 2
    assert f"replica {own[0]} died in training at step 3: name another" in errors


@pytest.mark.parametrize("columns", ["80", "160"])
def test_people_get_sentences_and_tables(trained: Path, columns: str) -> None:
    process = itnas("explain", trained, "--lengths", "8,16", "--copies", "0", COLUMNS=columns)
    assert process.returncode == 0, process.stderr
    assert process.stderr.splitlines() == [f"explaining replica {best(trained)} on local-pattern/length=16"]
    lines = process.stdout.splitlines()
    assert lines[0].startswith(f"local-pattern/length=16, replica {best(trained)} (score ")
    for number, place in enumerate(line for line in lines if line.startswith("Layer ") and "blocks" in line):
        assert place == f"Layer {number + 1}: blocks.{number}.mixer (attention)"
    assert any(line.startswith("  head 1 ") for line in lines)
    assert lines[-2].startswith("All layers replaced at once by what they became: fidelity ")
    assert "\x1b" not in process.stdout
    tables = [line for line in lines if line.startswith(("layer", "  head", "verdict", "fidelity"))]
    assert max(map(len, tables)) <= int(columns)
    assert "convolution" in " ".join(tables)


def test_pictures_and_arrays(trained: Path, tmp_path: Path, inside: Inside) -> None:
    page, arrays = tmp_path / "deep" / "out.html", tmp_path / "out.npz"
    assert inside("explain", trained, *QUICK, "--all", "--plot", page, "--arrays", arrays)[0] == 0
    text = page.read_text()
    assert "<script src=" not in text
    assert text.count("<h3>Layer 2: blocks.1.mixer (attention)</h3>") == text.count("<h2 ") == 2
    assert "All layers replaced at once by what they became: fidelity " in text
    found = np.load(arrays)
    about = json.loads(str(found["about"]))
    assert set(about) == {f"{replica}.{layer}" for replica in {key.split(".")[0] for key in about} for layer in (0, 1)}
    key = next(iter(about))
    heads = len(about[key]["effective_rank"]["heads"])
    assert found[f"{key}.averaged"].shape == (heads, 16, 16)
    assert found[f"{key}.averaged"].dtype == np.float32


def test_another_task_of_the_same_shape(trained: Path, inside: Inside) -> None:
    found = json.loads(inside("explain", trained, *QUICK, "--json", "--task", "local-pattern/length=32")[1])
    assert found["task"] == "local-pattern/length=32"
