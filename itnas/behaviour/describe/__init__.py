"""What a layer's kernel looks like, beside the verdict on what it does."""

from itnas.behaviour.describe.arrays import packed_arrays
from itnas.behaviour.describe.describe import describe
from itnas.behaviour.describe.description import Description, Measure
from itnas.behaviour.describe.network import describe_examined, describe_network
from itnas.behaviour.describe.replaced import Replaced, replaced_kernels
from itnas.behaviour.describe.watched import profiles

__all__ = [
    "Description",
    "Measure",
    "Replaced",
    "describe",
    "describe_examined",
    "describe_network",
    "packed_arrays",
    "profiles",
    "replaced_kernels",
]
