"""What a genome costs, predicted without building its network."""

from itnas.models.cost import pairwise, sampled, scan, subquadratic  # noqa: F401  (each registers its plans)
from itnas.models.cost.network import Cost, predict

__all__ = ["Cost", "predict"]
