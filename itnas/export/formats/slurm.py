"""`--format slurm`: a batch script that trains the genome at a larger scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from itnas.export.documents import GENOME, genome_text
from itnas.export.formats.base import Format, register
from itnas.export.jobs import COMMAND, CPUS, GPUS, MEMORY_GIB, REQUIREMENT, ClusterJob
from itnas.export.source import Source

SCRIPT = "job.sbatch"


@register
class Slurm(Format):
    name = "slurm"
    summary = "a folder with an sbatch script that trains the genome larger, on a Slurm cluster"
    trained = False

    def write(self, source: Source, target: Path) -> dict[str, Any]:
        job = ClusterJob(source)
        texts = {GENOME: genome_text(source), SCRIPT: _script(job)} | job.task_files
        for name, text in texts.items():
            (target / name).write_bytes(text.encode())
        script = (target / SCRIPT).read_bytes().decode()
        return job.checked(script, (target / GENOME).read_bytes().decode()) | {"submit": f"sbatch {SCRIPT}"}


def _script(job: ClusterJob) -> str:
    """Slurm asks a training to stop two minutes before its time is up; it then queues again and goes on."""
    return f"""\
#!/bin/bash
#SBATCH --job-name={job.name}
#SBATCH --output=%x-%j.log
#SBATCH --open-mode=append
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task={CPUS}
#SBATCH --mem={MEMORY_GIB}G
#SBATCH --gres=gpu:{GPUS}
#SBATCH --time=24:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120

# Trains genome.yaml, in the folder that this is submitted from: sbatch job.sbatch
# More seeds, each on a node of its own: sbatch --array=0-4 job.sbatch
# It needs {REQUIREMENT} on the nodes, and this folder on storage that they share.
{job.remark}
{job.knob_lines}OUT=results  # where results go, on storage that all nodes share
VENV=''  # the virtual environment that holds itnas; empty: it is on the PATH

set -euo pipefail
cd "${{SLURM_SUBMIT_DIR:-$(dirname "$0")}}"
[ -f genome.yaml ] || {{ echo "$PWD holds no genome.yaml: submit the job from its own folder" >&2; exit 2; }}
if [ -n "$VENV" ]; then . "$VENV/bin/activate"; fi
SEED=$((SEED + ${{SLURM_ARRAY_TASK_ID:-0}}))
export OMP_NUM_THREADS="${{SLURM_CPUS_PER_TASK:-1}}" SRUN_CPUS_PER_TASK="${{SLURM_CPUS_PER_TASK:-1}}"
status=0
srun {COMMAND} || status=$?
# 130: it was asked to stop, and goes on from its checkpoint when the job runs again.
if [ "$status" -eq 130 ]; then scontrol requeue "$SLURM_JOB_ID"; fi
exit "$status"
"""
