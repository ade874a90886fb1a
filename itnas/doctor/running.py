"""Running trials: Ray, and how long they take."""

from __future__ import annotations

import time

from itnas.allowance import usable_cores
from itnas.doctor.base import Diagnosis, Patient, check

STEPS = 8
TRIALS = 64  # that a sweep has by default


@check("ray")
def ray(patient: Patient) -> Diagnosis:
    """A local Ray is started and ended again, as a sweep would do it."""
    from importlib.metadata import version

    found = f"Ray {version('ray')}"
    if patient.quick:
        return Diagnosis("good", found, "not started: leave out --quick to try it")
    from itnas.search.raytune.session import ray_session

    started = time.perf_counter()
    try:
        with ray_session(None) as session:
            seconds = time.perf_counter() - started
            cpus, gpus = session.total("CPU"), session.total("GPU")
    except ValueError as error:
        return Diagnosis("bad", found, str(error), "make room, or use --engine inline")
    has = f"{cpus:g} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
    return Diagnosis("good", f"{found}, up in {seconds:.1f} s with {has}")


@check("a trial")
def trial(_patient: Patient) -> Diagnosis:
    """The default genome on recall, a few steps of it."""
    from itnas.genome import Genome
    from itnas.tasks import find
    from itnas.training import Population

    task, genome = find("recall"), Genome()
    population = Population(genome, task, (0,))
    population.step(0, 0.1)
    started = time.perf_counter()
    for step in range(1, STEPS):
        population.step(step, 0.1)
    seconds = (time.perf_counter() - started) / (STEPS - 1)
    found = f"a step of {population.replicas} small networks on recall takes {1000 * seconds:.0f} ms"
    minutes = TRIALS * task.steps * seconds / usable_cores() / 60
    means = f"{TRIALS} trials of one seed take about {max(minutes, 1):,.0f} minutes, fewer as many are stopped early"
    return Diagnosis("good", found, means)
