"""Training: every trial is a small population, its replicas stacked."""

from itnas.training.device import plan_for
from itnas.training.folder import TrainingFolder
from itnas.training.population import Plan, Population
from itnas.training.result import Replica, Result
from itnas.training.schedule import Budget
from itnas.training.train import InterruptedTrainingError, Trained, train_recipe
from itnas.training.trainer import Recipe, Report, Training, probe, recipe

__all__ = [
    "Budget",
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
    "plan_for",
    "probe",
    "recipe",
    "train_recipe",
]
