"""Jobs for clusters: what they hold is what was meant, and nothing in them is run that was not."""

import json
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from itnas.export.formats.kubernetes import RAY
from itnas.export.jobs import ClusterJob, assignments
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.models import specialist
from itnas.scaling import scaled
from itnas.tasks import Batch, Task, find, lookup
from tests.export.clusters import SRUN, Cluster, recorder
from tests.export.jobs import SCRIPTS, SMALL, needs_bash, script_of, written
from tests.export.rayjob import SCHEMAS
from tests.test_genome import GENOMES

ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Odd(Task):
    name = "Odd'; touch pwned #"
    summary, expects = "Tokens in, tokens out.", "Nothing to mix."
    length: int = 8
    note: str = ""
    vocabulary = 4
    outputs = 4
    chance = 0.25

    def draw(self, rng: Any, size: int, length: int) -> Batch:
        tokens = torch.from_numpy(rng.integers(4, size=(size, length)))
        return Batch(tokens, tokens)


ODD = "od d:O\"dd'; touch pwned; $(touch pwned) `touch pwned` #\n#SBATCH --wrap=pwned\n---\nkind: Pwned"
NOTES = [
    "a b",
    "$(touch pwned)",
    "';touch pwned;'",
    '"; touch pwned #',
    "`touch pwned`\n&& touch pwned",
    "é\u2028☃ \\",
    "*",
]


@pytest.fixture(autouse=True)
def _odd_task(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd, "origin", ODD)
    monkeypatch.setitem(lookup._PROVIDED, ODD, Odd)


@pytest.mark.parametrize("name", SCRIPTS)
def test_what_is_written_says_how_it_compares(name: str, tmp_path: Path) -> None:
    source = Source(specialist("gated-conv-attention"), find("recall/pairs=4,vocab=16"), {"steps": 700})
    found = written(name, source, tmp_path)
    assert found["hash"] == source.genome.hash == Genome.load(tmp_path / "genome.yaml").hash
    assert found["script"] == ("bash reads it" if shutil.which("bash") else "not tried: there is no bash here")
    large = scaled(source.genome, width="2x", depth="2x")
    assert found["parameters"] == source.genome.cost(64, source.task).parameters
    assert found["parameters_scaled_up"] == large.cost(64, source.task).parameters
    assert json.loads(json.dumps(found)) == found
    knobs = assignments(script_of(name, tmp_path))
    assert {
        "TASK": "recall/vocab=16,pairs=4",
        "WIDTH": "2x",
        "DEPTH": "2x",
        "LENGTH": "1x",
        "STEPS": "700",
    }.items() <= knobs.items()
    assert SCRIPTS[name] in found["submit"] or name == "ray"
    assert str(Path.home()) not in "".join(path.read_text() for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_same_is_written_the_same_twice(name: str, tmp_path: Path) -> None:
    for folder in ("one", "other"):
        written(name, SMALL, tmp_path / folder)
    files = [{path.name: path.read_bytes() for path in (tmp_path / each).iterdir()} for each in ("one", "other")]
    assert files[0] == files[1]
    assert SCRIPTS[name] in files[0]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"steps": None, "seeds": None, "batch_size": None, "precision": None},
        {"steps": "1; touch pwned", "seeds": [-1], "batch_size": True, "precision": "$(touch pwned)"},
        {"steps": 0, "seeds": [1.5, "7000"], "batch_size": [4], "precision": {}},
    ],
)
def test_a_provenance_that_says_nothing_of_use_leaves_the_tasks_own(told: dict[str, Any]) -> None:
    knobs = ClusterJob(Source(SMALL.genome, SMALL.task, told)).knobs
    assert (knobs["STEPS"], knobs["SEED"], knobs["BATCH_SIZE"], knobs["PRECISION"]) == ("500", "0", "4", "float32")


def test_a_genome_as_deep_as_can_be_is_not_doubled() -> None:
    assert ClusterJob(Source(Genome(depth=40), SMALL.task, {})).knobs["DEPTH"] == "1x"


@needs_bash
@pytest.mark.parametrize("note", NOTES)
@pytest.mark.parametrize("name", SCRIPTS)
def test_nothing_in_a_name_is_run(name: str, note: str, tmp_path: Path) -> None:
    task = Odd(note=note)
    found = written(name, Source(SMALL.genome, task, {"steps": 3}), tmp_path / "job")
    assert found["task"] == task.label
    (tmp_path / "train.sh").write_bytes(script_of(name, tmp_path / "job").encode())
    (tmp_path / "genome.yaml").touch()
    cluster = Cluster(tmp_path / "cluster", srun=SRUN, itnas=recorder())
    process = cluster.bash("train.sh", cwd=tmp_path, SLURM_SUBMIT_DIR=str(tmp_path))
    assert process.returncode == 0, process.stderr
    (call,) = cluster.calls
    assert call[:3] == ["train", "genome.yaml", f"--task={task.label}"]
    assert not list(tmp_path.rglob("pwned"))


def test_odd_names_add_no_lines_that_slurm_or_kubernetes_read(tmp_path: Path) -> None:
    source = Source(SMALL.genome, Odd(note="\n#SBATCH --wrap=x\n---\na: b"), {})
    with pytest.raises(ValueError, match=r"the task cannot be named on a command line: .* leads to another one"):
        written("slurm", source, tmp_path)
    source = Source(SMALL.genome, Odd(note="x\n#SBATCH --wrap=x\n---\na: b"), {})
    written("slurm", source, tmp_path)
    head = script_of("slurm", tmp_path).split("\n\n")[0].splitlines()
    assert head[0] == "#!/bin/bash"
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+(=[-a-zA-Z0-9:@%.]+)?", line) for line in head[1:])
    assert "#SBATCH --job-name=itnas-odd-touch-pwned-" in head[1]
    written("kubernetes", source, tmp_path)
    documents = list(yaml.safe_load_all((tmp_path / "rayjob.yaml").read_text()))
    assert [each["kind"] for each in documents] == ["ConfigMap", "PersistentVolumeClaim", "RayJob"]


@pytest.mark.parametrize("note", ["a,b", "a/b", " a", "a\0b", "a=b,note=c"])
def test_a_task_whose_name_leads_elsewhere_is_refused(note: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the task cannot be named on a command line: ") as raised:
        written("slurm", Source(SMALL.genome, Odd(note=note), {}), tmp_path)
    assert "\n" not in str(raised.value)


TEXT = st.text(st.characters(exclude_characters=",/\0", exclude_categories=["Cs"]), max_size=30)


@given(GENOMES, TEXT.filter(lambda text: text.strip() == text), st.sampled_from(sorted(SCRIPTS)))
def test_any_genome_and_name_comes_back(genome: Genome, note: str, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = written(name, Source(genome, Odd(note=note), {}), Path(folder))
        assert found["hash"] == genome.hash == Genome.load(Path(folder) / "genome.yaml").hash
        assert assignments(script_of(name, Path(folder)))["TASK"] == Odd(note=note).label


def test_the_manifest_is_as_kuberay_has_it(tmp_path: Path) -> None:
    written("kubernetes", SMALL, tmp_path)
    documents = {each["kind"]: each for each in yaml.safe_load_all((tmp_path / "rayjob.yaml").read_text())}
    for kind, schema in SCHEMAS.items():
        jsonschema.validate(documents[kind], schema)
    spec = documents["RayJob"]["spec"]
    pod = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {
        each["name"] for each in pod["volumes"]
    }
    assert {each["metadata"]["name"] for each in documents.values()} == {ClusterJob(SMALL).name}
    resources = pod["containers"][0]["resources"]["limits"]
    assert (str(spec["entrypointNumCpus"]), str(spec["entrypointNumGpus"])) == (
        resources["cpu"],
        resources["nvidia.com/gpu"],
    )
    # KubeRay's versions hand an entrypoint to shells in different ways: there is nothing in it that a shell would read.
    assert re.fullmatch(r"[a-z/. ]+", spec["entrypoint"])
    assert yaml.safe_load(spec["runtimeEnvYAML"])["pip"][0].startswith("itnas==")


@pytest.mark.parametrize("name", ["recall", "permutation-composition", "x" * 80, "Ünï cödé", "-", "", "9"])
def test_names_are_such_as_kubernetes_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Odd, "name", name)
    jsonschema.validate(
        ClusterJob(Source(SMALL.genome, Odd(), {})).name,
        SCHEMAS["RayJob"]["properties"]["metadata"]["properties"]["name"],
    )


def test_rays_version_is_the_one_that_is_tested_with() -> None:
    assert f"\nray=={RAY}\n" in (ROOT / "constraints.txt").read_text()


def test_a_users_module_goes_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "along.py").write_text(
        "from tests.export.test_jobs import Odd\n\n\nclass Mine(Odd):\n    name = 'mine'\n"
    )
    source = Source(SMALL.genome, find("along:Mine"), {})
    for name in SCRIPTS:
        written(name, source, tmp_path / name)
        assert "# The task is not one of itnas itself: along.py goes along" in script_of(name, tmp_path / name)
    for name in ("slurm", "ray"):
        assert (tmp_path / name / "along.py").read_text() == (tmp_path / "along.py").read_text()
    assert "class Mine(Odd)" in (tmp_path / "kubernetes" / "rayjob.yaml").read_text()
    (tmp_path / "along.py").write_text("#" * 2**20)
    with pytest.raises(ValueError, match="too large for a ConfigMap"):
        written("kubernetes", source, tmp_path / "kubernetes")


def test_a_module_that_is_not_one_file_is_asked_for(tmp_path: Path) -> None:
    written("slurm", Source(SMALL.genome, Odd(), {}), tmp_path)
    assert "# The task is not one of itnas itself: the package that holds it must be there." in script_of(
        "slurm", tmp_path
    )
