"""Models: encoder -> blocks -> readout, built from a genome; the specialists."""

from itnas.models.network import Network, build_network
from itnas.models.specialists import SPECIALISTS, specialist

__all__ = ["SPECIALISTS", "Network", "build_network", "specialist"]
