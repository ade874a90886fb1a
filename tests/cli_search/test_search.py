"""The commands around a sweep, as a user meets them."""

import csv
import io
import json
import shutil
import sqlite3
import warnings
from pathlib import Path

import pytest

import itnas as package
from itnas.search.sweep import Sweep
from tests.chaos.misbehaving import space
from tests.cli_search.small import SMALL
from tests.search.toy import toy_settings, toy_space
from tests.started import Inside, itnas


def test_a_sweep_ends_with_its_findings(swept: Path) -> None:
    found = itnas("findings", swept)
    assert found.returncode == 0
    for word in ("What the layers became", "How well", "flip-flop", "local-pattern", "gru", "emerged", "run.db"):
        assert word in found.stdout
    (told, *_) = [line for line in found.stdout.splitlines() if "itnas explain" in line]
    assert (swept / told.split()[0]).is_dir()
    rows = json.loads(itnas("findings", swept, "--json").stdout)
    assert {row["task"] for row in rows} == {"flip-flop", "local-pattern"}
    assert {row["basis"] for row in rows} == {"confirmed"}
    assert [row["task"] for row in csv.DictReader(io.StringIO(itnas("findings", swept, "--csv").stdout))] == [
        row["task"] for row in rows
    ]


def test_trials_are_listed(swept: Path) -> None:
    shown = itnas("trials", swept).stdout
    assert "gru" in shown
    assert "sampler" in shown
    rows = json.loads(itnas("trials", swept, "--json", "--task", "flip-flop").stdout)
    assert {row["task"] for row in rows} == {"flip-flop"}
    assert [row["origin"] for row in rows] == ["specialist", "random", "sampler"]
    assert all(row["state"] == "complete" and row["seconds"] > 0 for row in rows)
    assert len(json.loads(itnas("trials", swept, "--json", "--best", "1").stdout)) == 2
    front = json.loads(itnas("trials", swept, "--json", "--pareto").stdout)
    assert {row["task"] for row in front} == {"flip-flop", "local-pattern"}
    assert [row["cost"] for row in front if row["task"] == "flip-flop"] == sorted(
        (row["cost"] for row in front if row["task"] == "flip-flop"), reverse=True
    )
    assert "did you mean 'flip-flop'" in itnas("trials", swept, "--task", "flipflop").stderr


def test_the_state_of_a_run_can_be_asked_for(swept: Path) -> None:
    told = json.loads(itnas("status", swept, "--json").stdout)
    assert told["state"] == "ended"
    assert [(row["ended"], row["asked"], row["confirmed"]) for row in told["tasks"]] == [(3, 3, 2)] * 2
    assert all(len(row["verdict"]) == 2 for row in told["tasks"])
    assert "ended" in itnas("status", swept).stdout
    assert "ended" in itnas("status", swept, "--watch").stdout


def test_a_finished_run_can_be_checked_and_extended(swept: Path, tmp_path: Path) -> None:
    checked = itnas("replay", swept, "--check")
    assert checked.returncode == 0
    assert "all alike" in checked.stdout
    assert len(json.loads(itnas("replay", swept, "--json").stdout)) == 6
    folder = shutil.copytree(swept, tmp_path / "more")
    more = ("--trials", "4", "--task", "delay", "--sampler", "evolution", "--random-share", "1", "--attempts", "2")
    done = itnas("resume", folder, *more, "--engine", "inline", "-q")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = json.loads(itnas("trials", folder, "--json").stdout)
    assert len(rows) == 12
    assert rows[:6] == json.loads(itnas("trials", swept, "--json").stdout)
    assert {row["origin"] for row in rows[6:]} == {"specialist", "random"}
    settings = package.Run(folder).settings
    assert (settings["random_share"], settings["attempts"]) == (1, 2)
    assert itnas("replay", folder, "--check").returncode == 0


def test_a_trial_of_a_run_is_explained(swept: Path) -> None:
    best = package.Run(swept).best_trial("flip-flop")
    told = itnas("explain", f"{swept}:{best}", "--lengths", "16", "--copies", "0", "--json", "-q")
    assert told.returncode == 0, told.stderr
    assert json.loads(told.stdout)["task"].startswith("flip-flop/length=16")
    missing = itnas("explain", f"{swept}:99")
    assert missing.returncode == 2
    assert "no trial 99: there are 0 to 5" in missing.stderr


def test_which_trials_of_a_run_can_be_explained_is_said(swept: Path, inside: Inside) -> None:
    there = ", ".join(map(str, package.Run(swept).reader.keeping("weights")))
    said = f"itnas: {swept} is a sweep: name one of its trials, {swept}:N, where N is {there}\n"
    assert there
    assert inside("explain", swept) == (2, "", said)


def test_a_run_that_kept_no_networks_says_so(tmp_path: Path, inside: Inside) -> None:
    with Sweep.create(tmp_path / "run", toy_space(), toy_settings()):
        pass
    assert inside("explain", tmp_path / "run") == (2, "", f"itnas: {tmp_path}/run is a sweep: it kept no networks\n")


@pytest.mark.parametrize("ending", ["db", "log"])
def test_a_run_becomes_an_optuna_storage(swept: Path, tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"study.{ending}"
    done = itnas("export", swept, "--format", "optuna", "--out", target)
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == [target.name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import optuna
        from optuna.storages.journal import JournalFileBackend

        storage: object = f"sqlite:///{target}"
        if ending == "log":
            storage = optuna.storages.JournalStorage(JournalFileBackend(str(target)))
        study = optuna.load_study(study_name="flip-flop", storage=storage)  # type: ignore[arg-type]
        trials = package.Run(swept).trials("flip-flop")
        assert [trial.value for trial in study.trials] == list(trials["score"])
        assert [trial.user_attrs["origin"] for trial in study.trials] == list(trials["origin"])
        assert "layers.kernel.hidden" in study.trials[2].params
        assert study.trials[2].intermediate_values
    again = itnas("export", swept, "--format", "optuna", "--out", target)
    assert again.returncode == 2
    assert "--force" in again.stderr
    assert itnas("export", swept, "--format", "optuna", "--out", target, "--force").returncode == 0


def test_runs_are_listed_thinned_and_removed(swept: Path, tmp_path: Path) -> None:
    one, two = (shutil.copytree(swept, tmp_path / name) for name in ("one", "two"))
    (tmp_path / "no run").mkdir()
    rows = json.loads(itnas("runs", tmp_path, "--json").stdout)
    assert [Path(row["run"]).name for row in rows] == ["one", "two"]
    assert all(row["state"] == "ended" and row["trials"] == 6 for row in rows)
    assert itnas("runs", "--thin", one, "--yes").returncode == 0
    assert list((one / "weights").iterdir()) == []
    thin, whole = (itnas("findings", folder).stdout.split("Written to") for folder in (one, swept))
    assert thin[0] == whole[0]
    assert ("weights/" in thin[1], "weights/" in whole[1]) == (False, True)
    assert itnas("runs", "--remove", two, "--yes").returncode == 0
    assert not two.exists()
    assert itnas("runs", "--remove", tmp_path / "no run", "--yes").returncode == 2
    assert (tmp_path / "no run").exists()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--remove", "link"), "link is a link: name the folder that it leads to, "),
        (("--remove", "one", "--remove", "./one"), "one is named twice: name it once"),
        (("--remove", "one", "--thin", "one"), "one is named twice: name it once"),
        (("--thin", "link"), "link is a link"),
    ],
)
def test_runs_to_be_removed_are_named_once_and_by_themselves(
    swept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: Inside, words: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(swept, "one")
    Path("link").symlink_to("one")
    code, out, errors = inside("runs", *words, "--yes")
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert told in errors
    assert package.Run("one").reader.kept()


def test_no_trial_of_many_is_told_from_no_trial_yet(swept: Path, tmp_path: Path, inside: Inside) -> None:
    assert inside("trials", swept, "--state", "failed")[1] == "none of 6 trials is as asked for\n"
    with Sweep.create(tmp_path / "run", toy_space(), toy_settings()):
        pass
    assert inside("trials", tmp_path / "run", "--state", "failed")[1] == "no trials yet\n"


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    told = itnas("search", "emergence", "--run", tmp_path / "run", *SMALL, "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "about" in told.stdout
    assert list(tmp_path.iterdir()) == []
    plain = json.loads(itnas("search", "emergence", *SMALL, "--dry-run", "--json").stdout)
    (row, _) = plain["tasks"]
    # As in the fixture `swept`, which is this search, done.
    assert (row["trials"], row["specialists"], row["random"], row["sampler"]) == (3, 1, 1, 1)
    few = itnas("search", "emergence", *SMALL, "--trials", "1", "--dry-run")
    assert "nothing is searched" in few.stdout


def test_tensorboard_gets_every_rung(tmp_path: Path) -> None:
    board = tmp_path / "board"
    few = ("--confirm", "0", "--verdicts", "none")
    done = itnas("search", "emergence", "--run", tmp_path / "run", *SMALL, *few, "--tensorboard", board, "-q")
    assert done.returncode == 0, done.stderr
    assert len(list(board.glob("flip-flop/search-*/events*"))) >= 3


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["search", "emergance", "-t", "delay"], "did you mean 'emergence'"),
        (["search", "emergence"], "needs a task"),
        (["search", "emergence", "-t", "delya"], "did you mean 'delay'"),
        (["search", "-t", "delay", "--sampler", "tpee"], "did you mean 'tpe'"),
        (["search", "-t", "delay", "--engine", "rey"], "did you mean 'ray'"),
        (["search", "-t", "delay", "--trials", "0"], "trials"),
        (["search", "-t", "delay", "--profile", "dmeo"], "did you mean 'demo'"),
        (["search", "-t", "delay", "--objective", "parameters"], "objectives are score"),
        (["search", "-t", "delay", "--engine", "inline", "--address", "x:1"], "leave one of them out"),
        (["search", "-t", "delay", "--hours", "0"], "hours must be positive"),
        (["resume", "nowhere"], "nowhere: no such run"),
        (["status", "nowhere"], "nowhere: no such run"),
        (["stop", "nowhere"], "nowhere: no such run"),
        (["findings", "README.md"], "is a file"),
        (["trials", "docs"], "holds no run"),
        (["runs", "nowhere"], "no such folder"),
        (["replay", "docs", "--check"], "holds no run"),
        (["export", "docs", "--format", "optuna", "--out", "x.db"], "holds no run"),
    ],
)
def test_bad_input_ends_in_one_sentence(arguments: list[str], told: str) -> None:
    done = itnas(*arguments)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_sweep_without_a_success_says_so(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text(space("raises", good=0))
    run, task = tmp_path / "run", "tests.chaos.misbehaving:Misbehaving"
    few = ("--engine", "inline", "--trials", "2", "--replicas", "1", "--rungs", "2", "--specialists", "none", "-q")
    done = itnas("search", tmp_path / "space.yaml", "-t", task, *few, "--run", run)
    assert done.returncode == 3, done.stderr
    assert "no trial succeeded" in done.stderr
    rows = json.loads(itnas("trials", run, "--json").stdout)
    assert {row["state"] for row in rows} == {"failed"}
    assert {row["reason"] for row in rows} == {"ValueError: planted in two lines"}


@pytest.mark.parametrize("engine", ["inline", "ray"])
def test_a_device_that_is_not_here_is_refused_before_anything_is_made(
    tmp_path: Path, inside: Inside, engine: str
) -> None:
    device = ("--device", "cuda:77")
    code, out, errors = inside("search", "emergence", "--run", tmp_path / "run", *SMALL, *device, "--engine", engine)
    assert (code, out, errors.count("\n")) == (2, "", 1)
    assert "device 'cuda:77' asked for, but torch sees" in errors
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_spoilt_where_its_device_is_missing(tmp_path: Path, inside: Inside) -> None:
    with Sweep.create(tmp_path / "run", toy_space(), toy_settings(device="cuda:77")):
        pass
    code, _, errors = inside("resume", tmp_path / "run", "--engine", "inline")
    assert (code, errors.count("\n")) == (2, 1)
    assert package.Run(tmp_path / "run").trials().empty


def test_a_run_that_is_there_is_not_written_over(swept: Path) -> None:
    done = itnas("search", "emergence", "--run", swept, *SMALL)
    assert done.returncode == 2
    assert "itnas resume" in done.stderr


def test_brackets_in_reasons_and_names_are_only_text(swept: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(swept, tmp_path / "a [bold] run [/x]")
    with sqlite3.connect(folder / "run.db") as connection:
        connection.execute("UPDATE trials SET state = 'failed', reason = '[/no] <b>[red]tag' WHERE number = 4")
    connection.close()
    for command in ("status", "trials", "findings"):
        done = itnas(command, folder)
        assert done.returncode == 0, done.stderr
    assert "[/no] <b>[red]tag" in itnas("trials", folder, COLUMNS="200").stdout
    assert "[bold]" in itnas("runs", tmp_path, COLUMNS="200").stdout
