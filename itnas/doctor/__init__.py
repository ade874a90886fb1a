"""`itnas doctor`: what this machine has, what that means for a sweep, and what to do about what is wrong."""

from itnas.doctor import compute, machine, packages, running  # noqa: F401  (each registers its checks)
from itnas.doctor.base import CHECKS, Diagnosis, Patient, diagnoses

__all__ = ["CHECKS", "Diagnosis", "Patient", "diagnoses"]
