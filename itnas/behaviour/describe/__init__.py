"""What a layer's kernel looks like, beside the verdict on what it does."""

from itnas.behaviour.describe.arrays import packed_arrays
from itnas.behaviour.describe.describe import describe
from itnas.behaviour.describe.description import Description, Measure
from itnas.behaviour.describe.network import describe_network

__all__ = ["Description", "Measure", "describe", "describe_network", "packed_arrays"]
