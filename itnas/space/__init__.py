"""Search spaces: a genome document in which any value may be a domain."""

from itnas.space.collection import shipped
from itnas.space.constraints import Constraints
from itnas.space.count import Count
from itnas.space.domains import Choice, Chooser, Domain, Integer, Real, Value
from itnas.space.space import Space

__all__ = ["Choice", "Chooser", "Constraints", "Count", "Domain", "Integer", "Real", "Space", "Value", "shipped"]
