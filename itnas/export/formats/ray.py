"""`--format ray`: a job for a Ray cluster that trains the genome at a larger scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.documents import GENOME, genome_text
from itnas.export.formats.base import Format, register
from itnas.export.jobs import COMMAND, CPUS, GPUS, REQUIREMENT, ClusterJob
from itnas.export.source import Source
from itnas.files import document_text, parse_document

TRAIN, SUBMIT, ENVIRONMENT = "train.sh", "submit.sh", "runtime_env.yaml"


@register
class Ray(Format):
    name = "ray"
    summary = "a folder with a job that trains the genome larger, on a Ray cluster"
    trained = False

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        job = ClusterJob(source)
        texts = {
            GENOME: genome_text(source),
            TRAIN: train_script(job, f"~/itnas/{job.name}"),
            SUBMIT: _SUBMIT,
            ENVIRONMENT: environment(),
        }
        for name, text in (texts | job.task_files).items():
            (target / name).write_bytes(text.encode())
        (target / SUBMIT).chmod(0o755)
        read = {name: (target / name).read_bytes().decode() for name in texts}
        if parse_document(read[ENVIRONMENT], ENVIRONMENT) != {"pip": [REQUIREMENT]}:
            raise ValueError(f"loaded back, {ENVIRONMENT} is not the same")
        return job.checked(read[TRAIN], read[GENOME]) | {"submit": f"RAY_ADDRESS=http://HOST:8265 ./{SUBMIT}"}


def environment() -> str:
    """What Ray installs before the job begins."""
    return document_text({"pip": [REQUIREMENT]})


def train_script(job: ClusterJob, out: str) -> str:
    """What runs on the cluster. The result is printed too: it is in the job's log, whatever becomes of the node.

    Ray and KubeRay hand an entrypoint from shell to shell, each version in another way; `bash train.sh` survives all.
    """
    return f"""\
#!/usr/bin/env bash
# Trains genome.yaml, which lies beside this file. An argument is added to the seed.
{job.remark}
{job.knob_lines}OUT={out}  # where results go; on storage that all nodes share, an interrupted training goes on

set -euo pipefail
cd "$(dirname "$0")"
SEED=$((SEED + ${{1:-0}}))
exec {COMMAND}
"""


_SUBMIT = f"""\
#!/usr/bin/env bash
# Submits train.sh to a Ray cluster (2.50 or newer): RAY_ADDRESS=http://HOST:8265 ./submit.sh
# What to train, and how large, stands in train.sh; what is installed before, in runtime_env.yaml.

CPUS={CPUS}  # of one job
GPUS={GPUS}  # of one job: 1, or 0 to train on CPUs
JOBS=1  # so many jobs, each with seeds of its own; Ray finds a node for each

set -euo pipefail
cd "$(dirname "$0")"
: "${{RAY_ADDRESS:?say where the cluster is: RAY_ADDRESS=http://HOST:8265 ./submit.sh}}"
for ((number = 0; number < JOBS; number++)); do
  ray job submit --no-wait --working-dir . --runtime-env runtime_env.yaml \\
    --entrypoint-num-cpus "$CPUS" --entrypoint-num-gpus "$GPUS" -- bash train.sh "$number"
done
"""
