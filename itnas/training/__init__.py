"""Training: every trial is a small population, its replicas stacked."""

from itnas.training.device import setup_for
from itnas.training.folder import TrainingFolder
from itnas.training.group import DeviceLostError
from itnas.training.launch import check_devices, device_group, joined_group, launched
from itnas.training.population import Population, Setup
from itnas.training.recipes import Recipe, recipe
from itnas.training.result import Replica, Result
from itnas.training.schedule import Budget
from itnas.training.train import InterruptedTrainingError, Trained, follow, train_recipe
from itnas.training.trainer import Report, Training, probe

__all__ = [
    "Budget",
    "DeviceLostError",
    "InterruptedTrainingError",
    "Population",
    "Recipe",
    "Replica",
    "Report",
    "Result",
    "Setup",
    "Trained",
    "Training",
    "TrainingFolder",
    "check_devices",
    "device_group",
    "follow",
    "joined_group",
    "launched",
    "probe",
    "recipe",
    "setup_for",
    "train_recipe",
]
