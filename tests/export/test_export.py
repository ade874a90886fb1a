"""Exports of a run's trials: what is written says what was found, and can be done again."""

from __future__ import annotations

import filecmp
import json
import shlex
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
import torch

import itnas
from itnas.export.formats import FORMATS, Format
from itnas.files import read_document
from itnas.genome import Genome, apart
from itnas.store import RunError
from tests import started
from tests.dashboard.planting import BEGUN, planting

FOLDERS = [name for name, form in FORMATS.items() if not form.suffixes]
FAST = {"native": {"distil_steps": 3, "tune_steps": 3, "least": -10.0}}


def _out(folder: Path, name: str) -> Path:
    suffixes = FORMATS[name].suffixes
    return folder / (f"out.{suffixes[0]}" if suffixes else "out")


@pytest.mark.parametrize("ending", ["yaml", "json"])
def test_a_genome_comes_back_through_the_strict_door(swept: Path, tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"best.{ending}"
    itnas.export(swept, "flip-flop", out, trial=2)
    genome, (_, told) = Genome.load(out), apart(read_document(out), str(out))
    run = itnas.Run(swept)
    assert told["genome"] == run.reader.trial(2)["genome"]
    assert genome.training.steps == 12
    assert genome.layers == Genome.from_dict(run.reader.genome(told["genome"])).layers
    assert told["command"].startswith(f"itnas train best.{ending} --task flip-flop/length=16 ")
    assert told["origin"] == "sampler"


def test_what_is_told_can_be_done_again(swept: Path, tmp_path: Path) -> None:
    """The command in the file trains to the very score that the file tells."""
    out = tmp_path / "best.yaml"
    itnas.export(swept, "local-pattern", out)
    told = read_document(out)["provenance"]
    words = shlex.split(told["command"])
    given = dict(zip(words[3::2], words[4::2], strict=True))
    again = itnas.train(out, given["--task"], replicas=int(given["--replicas"]), seed=int(given["--seed"]))
    assert again.score.mean == told["score"]["mean"]
    assert (again.score.low, again.score.high) == (told["score"]["low"], told["score"]["high"])


def test_weights_are_loaded_as_the_same_network(swept: Path, tmp_path: Path) -> None:
    done = itnas.export(swept, "flip-flop", tmp_path / "out", trial=2, format="weights")
    network = itnas.load(tmp_path / "out")
    assert done.compared["largest_difference"] == 0.0
    assert not network.training
    batch = network.task.batch("test", size=4)
    assert network(batch.inputs, batch.domain).shape == (4, 16, network.task.outputs)
    about = json.loads((tmp_path / "out/export.json").read_text())
    assert about["compared"] == done.compared
    assert set(about["files"]) >= {"genome.yaml", "model.safetensors", "README.md"}
    card = (tmp_path / "out/README.md").read_text()
    assert card.startswith("---\nlibrary_name: itnas\n")
    assert "kernels/layer-1-head-1.png" in card
    assert all((tmp_path / "out" / name).is_file() for name in about["files"])


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if name not in ("torch", "onnx", "module")])
def test_the_same_twice_is_the_same_to_the_last_bit(swept: Path, tmp_path: Path, name: str) -> None:
    outs = [_out(tmp_path / each, name) for each in ("one", "other")]
    for out in outs:
        of = "flip-flop" if isinstance(FORMATS[name], Format) else None
        itnas.export(swept, of, out, format=name, **FAST.get(name, {}))
    one, other = outs
    if one.is_file():
        assert one.read_bytes() == other.read_bytes()
        return
    names = sorted(str(path.relative_to(one)) for path in one.rglob("*") if path.is_file())
    assert names == sorted(str(path.relative_to(other)) for path in other.rglob("*") if path.is_file())
    # What was timed is the one thing that differs.
    _, differing, missing = filecmp.cmpfiles(one, other, names, shallow=False)
    assert (set(differing) - {"measured.json"}, missing) == (set(), [])


def test_an_export_can_be_exported_again(swept: Path, tmp_path: Path) -> None:
    itnas.export(swept, "flip-flop", tmp_path / "crystal", trial=2, format="native", **FAST["native"])
    itnas.export(tmp_path / "crystal", out=tmp_path / "again", format="weights")
    first, second = itnas.load(tmp_path / "crystal"), itnas.load(tmp_path / "again")
    batch = first.task.batch("test", size=4)
    with torch.no_grad():
        assert torch.equal(first(batch.inputs), second(batch.inputs))


def test_a_training_of_ones_own_is_exported(tmp_path: Path) -> None:
    itnas.train("gru", "flip-flop/length=16", replicas=1, budget=3, out=tmp_path / "trained")
    itnas.export(tmp_path / "trained", out=tmp_path / "out", format="weights")
    assert itnas.load(tmp_path / "out").task.label == "flip-flop/length=16"


def test_tables_hold_the_run(swept: Path, tmp_path: Path) -> None:
    itnas.export(swept, out=tmp_path / "tables", format="table")
    trials = itnas.Run(swept).trials()
    for frame in (pd.read_parquet(tmp_path / "tables/trials.parquet"), pd.read_csv(tmp_path / "tables/trials.csv")):
        assert frame["score"].tolist() == pytest.approx(trials["score"].tolist(), nan_ok=True)
        assert frame["genome"].tolist() == trials["genome"].tolist()


def test_moments_in_tables_are_those_of_the_listing(swept: Path, tmp_path: Path) -> None:
    itnas.export(swept, out=tmp_path / "tables", format="table")
    listed = pd.read_csv(StringIO(started.itnas("trials", swept, "--csv").stdout))
    for name in ("started", "finished"):
        wanted = listed.sort_values("number")[name].tolist()
        assert all(datetime.fromisoformat(each).tzinfo for each in wanted)
        assert pd.read_csv(tmp_path / "tables/trials.csv")[name].tolist() == wanted
        assert pd.read_parquet(tmp_path / "tables/trials.parquet")[name].tolist() == wanted
    confirmed = pd.read_csv(tmp_path / "tables/confirmations.csv")
    assert all(datetime.fromisoformat(each).tzinfo for each in confirmed["finished"])


def test_tables_of_trials_that_have_not_ended(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["flip-flop"]) as run:
        run.trial("flip-flop", None, state="running", finished=None)
    itnas.export(tmp_path / "run", out=tmp_path / "tables", format="table")
    (row,) = pd.read_csv(tmp_path / "tables/trials.csv").to_dict("records")
    assert datetime.fromisoformat(row["started"]).timestamp() == BEGUN
    assert pd.isna(row["finished"])


def test_tables_of_a_run_without_trials(tmp_path: Path) -> None:
    with planting(tmp_path / "run", ["flip-flop"], state="created"):
        pass
    done = itnas.export(tmp_path / "run", out=tmp_path / "tables", format="table")
    assert done.compared["rows"]["trials"] == 0


@pytest.mark.parametrize("name", [name for name, form in FORMATS.items() if isinstance(form, Format) and form.trained])
def test_without_weights_there_is_nothing_to_load(bare: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="needs trained weights, and none were kept"):
        itnas.export(bare, "flip-flop", _out(tmp_path, name), format=name)
    assert not list(tmp_path.iterdir())


def test_a_genome_needs_no_weights(bare: Path, tmp_path: Path) -> None:
    itnas.export(bare, "flip-flop", tmp_path / "best.yaml")
    told = read_document(tmp_path / "best.yaml")["provenance"]
    assert told["score_of"] == "the search itself"
    assert told["seeds"]


def test_what_is_told_of_a_score_is_whose_it_is(swept: Path, tmp_path: Path) -> None:
    """Without its networks a confirmed trial has the score of the search."""
    thinned = shutil.copytree(swept, tmp_path / "run")
    told = {}
    for run in (swept, thinned):
        if run == thinned:
            with closing(sqlite3.connect(run / "run.db")) as connection, connection:
                connection.execute("DELETE FROM kept WHERE what = 'weights'")
        itnas.export(run, "flip-flop", tmp_path / f"{run.name}.yaml")
        told[run] = read_document(tmp_path / f"{run.name}.yaml")["provenance"]
    trial = itnas.Run(swept).reader.trial(told[swept]["trial"])
    (confirmed,) = itnas.Run(swept).confirmations().query("trial == @trial['number']").to_dict("records")
    assert told[swept]["score_of"] == "fresh seeds, after the search"
    assert told[swept]["score"]["mean"] == confirmed["score"]
    assert told[thinned]["score_of"] == "the search itself"
    assert told[thinned]["score"]["mean"] == trial["score"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trial": 99}, "no trial 99"),
        ({"task": "recall"}, "no task 'recall'"),
        ({"trial": 0, "task": "local-pattern"}, "trial 0 is on flip-flop"),
        ({"format": "pickle"}, "unknown format 'pickle'"),
        ({"format": "genome", "least": 0.5}, "takes no least"),
    ],
)
def test_what_there_is_not_is_said(swept: Path, tmp_path: Path, given: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        itnas.export(swept, **({"task": "flip-flop", "out": tmp_path / "new/best.yaml"} | given))
    assert not list(tmp_path.iterdir())


def test_the_same_journal_twice(swept: Path, tmp_path: Path) -> None:
    for name in ("one.log", "other.log"):
        itnas.export(swept, out=tmp_path / name, format="optuna")
    assert (tmp_path / "one.log").read_bytes() == (tmp_path / "other.log").read_bytes()


def test_whole_runs_have_no_best(swept: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave --task and --trial out"):
        itnas.export(swept, "flip-flop", tmp_path / "tables", format="table")


def test_names_that_look_like_numbers(swept: Path, tmp_path: Path) -> None:
    shutil.copytree(swept, tmp_path / "1e3")
    itnas.export(tmp_path / "1e3", "flip-flop", tmp_path / "best.yaml")
    assert read_document(tmp_path / "best.yaml")["provenance"]["run"] == "1e3"


@pytest.mark.parametrize("force", [False, True])
def test_what_stands_beside_a_file_is_not_overwritten(swept: Path, tmp_path: Path, force: bool) -> None:
    (tmp_path / "net.pt2.json").write_text('{"mine": 1}')
    with pytest.raises(ValueError, match=r"net\.pt2\.json, which no export wrote"):
        itnas.export(swept, "flip-flop", tmp_path / "net.pt2", format="torch", force=force)
    assert [each.name for each in tmp_path.iterdir()] == ["net.pt2.json"]
    assert (tmp_path / "net.pt2.json").read_text() == '{"mine": 1}'


MINE = (
    ("genome", "own.yaml", b"my: precious\n"),
    ("genome", "own.yaml", b"width: 8\nprovenance: {itnas: 1}\n"),
    ("genome", "own.yml", b"\xff"),
    ("genome", "own.json", b"{"),
    ("onnx", "own.onnx", b"my own"),
    ("torch", "own.pt2", b""),
    ("optuna", "own.log", b'{"op_code": 0, "worker_id": "a1"}\n'),
    ("optuna", "own.db", b"no database"),
)


@pytest.mark.parametrize(("form", "name", "content"), MINE)
def test_force_replaces_no_file_that_no_export_wrote(
    swept: Path, tmp_path: Path, form: str, name: str, content: bytes
) -> None:
    out = tmp_path / name
    out.write_bytes(content)
    with pytest.raises(ValueError, match="is no earlier export, so it is not replaced"):
        itnas.export(swept, None if form == "optuna" else "flip-flop", out, format=form, force=True)
    assert out.read_bytes() == content
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("form", "name"),
    [
        ("genome", "best.yaml"),
        ("genome", "best.json"),
        pytest.param("torch", "best.pt2", marks=pytest.mark.slow),
        ("optuna", "all.log"),
        ("optuna", "all.db"),
    ],
)
def test_force_replaces_an_earlier_export(swept: Path, tmp_path: Path, form: str, name: str) -> None:
    task = None if form == "optuna" else "flip-flop"
    itnas.export(swept, task, tmp_path / name, format=form)
    there = {each: each.stat().st_ino for each in tmp_path.iterdir()}
    itnas.export(swept, task, tmp_path / name, format=form, force=True)
    now = {each: each.stat().st_ino for each in tmp_path.iterdir()}
    assert now.keys() == there.keys()
    assert all(now[each] != there[each] for each in now)


@pytest.mark.slow
def test_force_replaces_no_program_that_was_changed_since(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "best.pt2"
    itnas.export(swept, "flip-flop", out, format="torch")
    out.write_bytes(b"another program, which another tool wrote to the same name")
    with pytest.raises(ValueError, match="is no earlier export"):
        itnas.export(swept, "flip-flop", out, format="torch", force=True)
    out.unlink()
    itnas.export(swept, "flip-flop", out, format="torch", force=True)  # what told of the old one goes with it


def test_force_replaces_no_database_to_which_somebody_added_trials(swept: Path, tmp_path: Path) -> None:
    out = tmp_path / "all.db"
    itnas.export(swept, out=out, format="optuna")
    with closing(sqlite3.connect(out)) as connection, connection:
        connection.execute("INSERT INTO trials (number, study_id, state) VALUES (999, 1, 'COMPLETE')")
    with pytest.raises(ValueError, match="is no earlier export"):
        itnas.export(swept, out=out, format="optuna", force=True)


def test_a_crystallised_network_stays_what_it_is(swept: Path, tmp_path: Path) -> None:
    itnas.export(swept, "flip-flop", tmp_path / "one", trial=2, format="native", **FAST["native"])
    done = itnas.export(tmp_path / "one", out=tmp_path / "other", format="native", **FAST["native"])
    assert all("classical layer already" in each["why"] for each in done.compared["layers"])
    assert "Crystallised" not in {each["became"] for each in done.compared["layers"]}
    assert done.compared["products_per_point_before"] == done.compared["products_per_point_after"]


def test_no_run_at_all(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        itnas.export(tmp_path / "nothing", "flip-flop", tmp_path / "best.yaml")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.db").write_bytes(b"no database")
    with pytest.raises(RunError):
        itnas.export(tmp_path / "run", "flip-flop", tmp_path / "best.yaml")
