"""Jobs for clusters train: on Slurm, on Ray and on Kubernetes, played by small programs."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from itnas.genome import Genome
from itnas.scaling import scaled
from tests.export.clusters import ITNAS, SRUN, Cluster, recorder, set_knobs
from tests.export.jobs import SMALL, needs_bash, written


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
