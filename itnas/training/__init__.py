"""Training: every trial is a small population, its replicas stacked."""

from itnas.training.device import plan_for
from itnas.training.folder import TrainingFolder
from itnas.training.group import DeviceLostError
from itnas.training.launch import check_devices, device_group, joined_group, launched
from itnas.training.population import Plan, Population
from itnas.training.result import Replica, Result
from itnas.training.schedule import Budget
from itnas.training.train import InterruptedTrainingError, Trained, follow, train_recipe
from itnas.training.trainer import Recipe, Report, Training, probe, recipe

__all__ = [
    "Budget",
    "DeviceLostError",
    "InterruptedTrainingError",
    "Plan",
    "Population",
    "Recipe",
    "Replica",
    "Report",
    "Result",
    "Trained",
    "Training",
    "TrainingFolder",
    "check_devices",
    "device_group",
    "follow",
    "joined_group",
    "launched",
    "plan_for",
    "probe",
    "recipe",
    "train_recipe",
]
