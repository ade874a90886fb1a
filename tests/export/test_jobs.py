"""Jobs for clusters: what they hold is what was meant, nothing in them is run that was not, and they train."""

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

from itnas.export.formats import FORMATS
from itnas.export.formats.base import Format
from itnas.export.formats.kubernetes import RAY
from itnas.export.jobs import ClusterJob, assignments
from itnas.export.source import Source
from itnas.genome import Genome
from itnas.models import specialist
from itnas.scaling import scaled
from itnas.tasks import Batch, Task, find, lookup
from tests.export.clusters import ITNAS, SRUN, Cluster, recorder, set_knobs
from tests.export.rayjob import SCHEMAS
from tests.test_genome import GENOMES

ROOT = Path(__file__).parent.parent.parent
SCRIPTS = {"slurm": "job.sbatch", "ray": "train.sh", "kubernetes": "rayjob.yaml"}
SMALL = Source(
    Genome(width=8, depth=1),
    find("parity/length=8,batch_size=4"),
    {"task": "parity", "steps": 3, "seeds": [7000, 7001]},
)
needs_bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


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


def written(name: str, source: Source, folder: Path) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    form = FORMATS[name]
    assert isinstance(form, Format)
    return form.write(source, folder)


def script_of(name: str, folder: Path) -> str:
    text = (folder / SCRIPTS[name]).read_bytes().decode()
    return str(next(yaml.safe_load_all(text))["data"]["train.sh"]) if name == "kubernetes" else text


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


@needs_bash
def test_slurm_trains_and_goes_on(tmp_path: Path) -> None:
    job = tmp_path / "job"
    written("slurm", SMALL, job)
    cluster = Cluster(tmp_path / "cluster", srun=SRUN, itnas=ITNAS, scontrol=recorder())
    elsewhere = tmp_path / "spool"
    elsewhere.mkdir()
    set_knobs(job / "job.sbatch", REPLICAS=1)
    told = {"SLURM_SUBMIT_DIR": str(job), "SLURM_ARRAY_TASK_ID": "2", "SLURM_CPUS_PER_TASK": "1"}
    process = cluster.bash(str(job / "job.sbatch"), cwd=elsewhere, **told)
    assert process.returncode == 0, process.stderr
    found = json.loads((job / "results" / "seed9" / "result.json").read_text())
    assert json.loads(process.stdout) == found
    assert (found["steps"], [each["seed"] for each in found["replicas"]]) == (3, [9000, 9000])
    assert found["test_score"] is not None
    large = Genome.load(job / "results" / "seed9" / "genome.yaml")
    assert large.hash == found["genome"] == scaled(SMALL.genome, width="2x", depth="2x").hash
    again = cluster.bash(str(job / "job.sbatch"), cwd=elsewhere, **told)
    assert (again.returncode, again.stdout) == (0, process.stdout)
    assert "holds the result already" in again.stderr
    assert not cluster.calls_file.exists()


@needs_bash
@pytest.mark.parametrize(("code", "requeued"), [(130, True), (1, False), (2, False), (0, False)])
def test_slurm_queues_again_what_was_asked_to_stop(code: int, requeued: bool, tmp_path: Path) -> None:
    written("slurm", SMALL, tmp_path / "job")
    cluster = Cluster(tmp_path / "cluster", srun=f"#!/bin/bash\nexit {code}\n", scontrol=recorder())
    process = cluster.bash("job.sbatch", cwd=tmp_path / "job", SLURM_JOB_ID="41")
    assert process.returncode == code
    assert (cluster.calls if cluster.calls_file.exists() else []) == ([["requeue", "41"]] if requeued else [])


@needs_bash
def test_slurm_says_where_to_submit_from(tmp_path: Path) -> None:
    written("slurm", SMALL, tmp_path / "job")
    process = Cluster(tmp_path / "cluster").bash(
        "job/job.sbatch", cwd=tmp_path, SLURM_SUBMIT_DIR=str(tmp_path), SLURM_JOB_ID="1"
    )
    assert process.returncode == 2
    assert process.stderr == f"{tmp_path} holds no genome.yaml: submit the job from its own folder\n"


@needs_bash
def test_ray_submits_a_job_for_each_seed_and_they_train(tmp_path: Path) -> None:
    job = tmp_path / "job"
    written("ray", SMALL, job)
    set_knobs(job / "submit.sh", JOBS=2, GPUS=0)
    cluster = Cluster(tmp_path / "cluster", ray=recorder(), itnas=ITNAS)
    process = cluster.bash(str(job / "submit.sh"), cwd=tmp_path, RAY_ADDRESS="http://127.0.0.1:8265")
    assert process.returncode == 0, process.stderr
    options = ["job", "submit", "--no-wait", "--working-dir", ".", "--runtime-env", "runtime_env.yaml"]
    options += ["--entrypoint-num-cpus", "8", "--entrypoint-num-gpus", "0", "--", "bash", "train.sh"]
    assert cluster.calls == [[*options, "0"], [*options, "1"]]
    node = tmp_path / "node"  # where Ray unpacks the working directory
    shutil.copytree(job, node)
    set_knobs(node / "train.sh", REPLICAS=1, OUT=tmp_path / "out")
    process = cluster.bash("train.sh", "1", cwd=node)
    assert process.returncode == 0, process.stderr
    found = json.loads((tmp_path / "out" / "seed8" / "result.json").read_text())
    assert json.loads(process.stdout) == found
    assert found["genome"] == scaled(SMALL.genome, width="2x", depth="2x").hash


@needs_bash
def test_ray_wants_to_know_where_the_cluster_is(tmp_path: Path) -> None:
    written("ray", SMALL, tmp_path / "job")
    process = Cluster(tmp_path / "cluster", ray=recorder()).bash("job/submit.sh", cwd=tmp_path)
    assert process.returncode != 0
    assert "say where the cluster is: RAY_ADDRESS=http://HOST:8265 ./submit.sh" in process.stderr


@needs_bash
def test_kubernetes_trains_what_its_map_holds(tmp_path: Path) -> None:
    written("kubernetes", SMALL, tmp_path / "job")
    files = next(yaml.safe_load_all((tmp_path / "job" / "rayjob.yaml").read_text()))["data"]
    pod = tmp_path / "pod"  # where the map is mounted
    pod.mkdir()
    for name, text in files.items():
        (pod / name).write_text(text)
    set_knobs(pod / "train.sh", REPLICAS=1, OUT=tmp_path / "results")
    pod.chmod(0o555)
    process = Cluster(tmp_path / "cluster", itnas=ITNAS).bash(str(pod / "train.sh"), cwd=tmp_path)
    pod.chmod(0o755)
    assert process.returncode == 0, process.stderr
    assert json.loads(process.stdout)["genome"] == scaled(SMALL.genome, width="2x", depth="2x").hash
    assert sorted(path.name for path in pod.iterdir()) == ["genome.yaml", "train.sh"]
