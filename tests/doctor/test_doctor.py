"""What the doctor says of machines that lack something."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from itnas.cli.app import app
from itnas.doctor import CHECKS, Diagnosis, Patient, compute, diagnoses, machine, packages

QUICK = ["doctor", "--quick"]


def told(name: str, folder: Path = Path("runs"), *, quick: bool = True) -> Diagnosis:
    return CHECKS[name](Patient(folder, quick))


@pytest.mark.parametrize("name", list(CHECKS))
def test_every_check_says_something_of_this_machine(name: str, tmp_path: Path) -> None:
    found = told(name, tmp_path)
    assert found.state in ("good", "limited")
    assert found.found
    assert found.fix == "" or found.state != "good"


class TestMachine:
    def test_one_core(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "usable_cores", lambda: 1)
        assert told("processor").state == "limited"

    @pytest.mark.parametrize(("free", "state"), [(0.5e9, "bad"), (3e9, "limited"), (64e9, "good"), (None, "limited")])
    def test_memory(self, monkeypatch: pytest.MonkeyPatch, free: float | None, state: str) -> None:
        monkeypatch.setattr(machine, "usable_cores", lambda: 4)
        monkeypatch.setattr("itnas.training.memory.free_memory", lambda _device: free)
        assert told("memory").state == state

    def test_a_network_file_system(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr("itnas.store.connect.file_system", lambda _folder: "nfs4")
        found = told("disk", tmp_path / "runs")
        assert found.state == "bad"
        assert "network file system (nfs4)" in found.means
        assert "--run" in found.fix

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_a_folder_that_cannot_be_written(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        assert told("disk", tmp_path).state == "bad"

    def test_a_slow_and_a_full_disk(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(machine, "commit_seconds", lambda _folder: 0.3)
        assert "waits for the disk" in told("disk", tmp_path).means
        monkeypatch.setattr(machine, "LITTLE_DISK", 1e30)
        assert "may not fit" in told("disk", tmp_path).means

    def test_nothing_is_left_in_the_folder(self, tmp_path: Path) -> None:
        told("disk", tmp_path)
        assert not list(tmp_path.iterdir())

    def test_an_old_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "9", "1"))
        assert told("python").state == "bad"


class TestCompute:
    def test_a_gpu_that_torch_cannot_use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compute.Path, "exists", lambda path: str(path) == "/dev/nvidia0")
        monkeypatch.setattr("torch.version.cuda", None)
        assert "cannot use" in told("torch").means

    def test_kernels_that_are_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(compute, "AGREE", -1.0)
        assert told("compiled kernels").state == "bad"


class TestPackages:
    @pytest.mark.parametrize(
        ("name", "missing", "fix"),
        [
            ("dashboard", "dash", "pip install 'itnas[dashboard]'"),
            ("pictures", "kaleido", "pip install 'itnas[plot]'"),
            ("onnx", "onnxruntime", "pip install 'itnas[export]'"),
        ],
    )
    def test_one_that_is_missing(self, monkeypatch: pytest.MonkeyPatch, name: str, missing: str, fix: str) -> None:
        there = packages.find_spec
        monkeypatch.setattr(packages, "find_spec", lambda module: None if module == missing else there(module))
        found = told(name)
        assert found.state == "limited"
        assert missing in found.found
        assert fix in found.fix

    def test_no_browser(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.which", lambda _name: None)
        assert "a Chrome or Chromium browser" in told("pictures").found

    def test_a_folder_without_data_sets(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("ITNAS_DATA", str(tmp_path))
        assert told("data sets").state == "limited"


def test_a_check_that_fails_has_found_something(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def broken() -> int:
        raise OSError("the processor is on fire\nand more")

    monkeypatch.setattr(machine, "usable_cores", broken)
    found = dict(diagnoses(Patient(tmp_path, quick=True)))
    assert found["processor"] == Diagnosis("bad", "OSError: the processor is on fire")
    assert list(found) == list(CHECKS)


class TestCommand:
    def test_lines_and_their_sum(self, tmp_path: Path) -> None:
        found = CliRunner().invoke(app, [*QUICK, "--run", str(tmp_path)])
        assert found.exit_code == 0, found.output
        lines = found.stdout.splitlines()
        assert [line for line in lines if line.startswith("ok      python")]
        assert lines[-1].startswith("Sweeps run here")

    def test_what_is_bad_ends_with_1(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("itnas.store.connect.file_system", lambda _folder: "nfs")
        found = CliRunner().invoke(app, QUICK)
        assert found.exit_code == 1
        assert "BAD     disk" in found.stdout
        assert found.stdout.splitlines()[-1] == "No sweep runs here before this is put right: disk."

    def test_as_json_and_csv(self) -> None:
        found = json.loads(CliRunner().invoke(app, [*QUICK, "--json"]).stdout)
        assert [row["check"] for row in found] == list(CHECKS)
        assert set(found[0]) == {"check", "state", "found", "means", "fix"}
        rows = list(csv.DictReader(io.StringIO(CliRunner().invoke(app, [*QUICK, "--csv"]).stdout)))
        assert [row["check"] for row in rows] == list(CHECKS)

    def test_both_at_once_are_refused(self) -> None:
        assert isinstance(CliRunner().invoke(app, [*QUICK, "--csv", "--json"]).exception, ValueError)


@pytest.mark.ray
def test_ray_is_started_and_ended() -> None:
    import ray

    found = told("ray", quick=False)
    assert found.state == "good"
    assert "CPUs" in found.found
    assert not ray.is_initialized()
