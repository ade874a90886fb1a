"""`--format kubernetes`: a KubeRay RayJob that trains the genome at a larger scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from itnas.export.documents import GENOME, genome_text
from itnas.export.formats.base import Format, register
from itnas.export.formats.ray import TRAIN, environment, train_script
from itnas.export.jobs import CPUS, GPUS, MEMORY_GIB, ClusterJob
from itnas.export.source import Source
from itnas.files import StrictLoader

MANIFEST = "rayjob.yaml"
# The version that the project is tested with; a bare `rayproject/ray:2.60.0` has a Python older than itnas takes.
RAY = "2.60.0"
IMAGE = f"rayproject/ray:{RAY}-py311"
RESULTS = "/results"
LARGEST_MAP = 2**20  # bytes that Kubernetes takes in a ConfigMap
_GROUP = 100  # of the image's user, who has to be able to write results


@register
class Kubernetes(Format):
    name = "kubernetes"
    summary = "a folder with a KubeRay RayJob that trains the genome larger, on a Kubernetes cluster"
    trained = False

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        job = ClusterJob(source)
        written = _documents(job)
        (target / GENOME).write_bytes(genome_text(source).encode())
        (target / MANIFEST).write_bytes(_text(job, written).encode())
        read = list(yaml.load_all((target / MANIFEST).read_bytes(), Loader=StrictLoader))
        if read != written:
            raise ValueError(f"loaded back, {MANIFEST} is not the same")
        files = read[0]["data"]
        return job.checked(files[TRAIN], files[GENOME]) | {"submit": f"kubectl apply -f {MANIFEST}"}


def _documents(job: ClusterJob) -> list[dict[str, Any]]:
    """What is to be trained, where results go, and the job itself."""
    files = {TRAIN: train_script(job, RESULTS), GENOME: job.genome_text} | job.task_files
    if sum(len(text.encode()) for text in files.values()) > LARGEST_MAP:
        raise ValueError(
            "the task's module is too large for a ConfigMap: put it into the image, and import it from there"
        )
    storage = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": job.name}, "data": files},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": job.name}, "spec": storage},
        {"apiVersion": "ray.io/v1", "kind": "RayJob", "metadata": {"name": job.name}, "spec": _job(job)},
    ]


def _job(job: ClusterJob) -> dict[str, Any]:
    """One pod trains: a training uses one device. Each try has its own cluster, and goes on where the last stopped."""
    return {
        "entrypoint": f"bash /itnas/{TRAIN}",
        "entrypointNumCpus": CPUS,
        "entrypointNumGpus": GPUS,
        "runtimeEnvYAML": environment(),
        "backoffLimit": 3,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 600,
        "rayClusterSpec": {
            "rayVersion": RAY,
            "headGroupSpec": {"rayStartParams": {"dashboard-host": "0.0.0.0"}, "template": {"spec": _pod(job)}},
        },
    }


def _pod(job: ClusterJob) -> dict[str, Any]:
    resources = {"cpu": str(CPUS), "memory": f"{MEMORY_GIB}Gi", "nvidia.com/gpu": str(GPUS)}
    container = {
        "name": "ray-head",
        "image": IMAGE,
        "resources": {"requests": dict(resources), "limits": dict(resources)},
        "volumeMounts": [
            {"name": "itnas", "mountPath": "/itnas", "readOnly": True},
            {"name": "results", "mountPath": RESULTS},
        ],
    }
    volumes = [
        {"name": "itnas", "configMap": {"name": job.name}},
        {"name": "results", "persistentVolumeClaim": {"claimName": job.name}},
    ]
    return {"securityContext": {"fsGroup": _GROUP}, "containers": [container], "volumes": volumes}


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are; nothing is written by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _as_block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _as_block)


def _text(job: ClusterJob, documents: list[dict[str, Any]]) -> str:
    head = f"""\
# Trains the genome of the ConfigMap below on a cluster with KubeRay: kubectl apply -f {MANIFEST}
# What to train, and how large: the first lines of {TRAIN}, below. What it takes: `resources`, `image` and
# entrypointNumCpus and -Gpus of the RayJob; without a GPU, take away nvidia.com/gpu and entrypointNumGpus.
# The outcome is in the claim {job.name}, under {RESULTS}, and in the job's log.
"""
    return head + yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120, explicit_start=True
    )
