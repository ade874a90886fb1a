"""What a replacement is: another kernel in the place of a layer's own."""

from __future__ import annotations

import abc
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from itnas.behaviour.scene import Scene
from itnas.registry import Registry


class Replacement(abc.ABC):
    """One family's nearest kernel. What it may not know of the sample at hand it takes from the reference scene, which
    holds other samples."""

    family: ClassVar[str]
    summary: ClassVar[str]  # what is left of the kernel, for the legend of `itnas explain`
    budgeted: ClassVar[bool] = False  # whether it comes in sizes, more of which never hurts
    exact: ClassVar[bool] = False  # whether the largest is the layer's own kernel
    across: ClassVar[bool] = False  # whether it has a meaning between two parts of a union

    def __init__(self, reference: Scene) -> None:
        """Fit what is the same for all samples, if anything is."""
        self.reference = reference

    @classmethod
    def applies(cls, reference: Scene) -> bool:
        """Whether the family has a meaning on this domain."""
        return True

    @classmethod
    def fits(cls, reference: Scene) -> bool:
        """Whether the family has a meaning for this block of a kernel, and on this domain."""
        return (cls.across or not reference.view.places.across) and cls.applies(reference)

    def most(self, scene: Scene) -> int:
        """The largest budget."""
        return 1

    @abc.abstractmethod
    def kernel(self, scene: Scene, budget: int) -> Float[Tensor, "batch heads rows columns"]:
        """The replacing kernel for these inputs."""

    def output(self, scene: Scene, budget: int) -> Float[Tensor, "batch points out"]:
        """What the layer says with it. Of layers without values, whose kernels are added up, some know it sooner."""
        return scene.view.output(self.kernel(scene, budget))


class Sum(Replacement):
    """Two mechanisms, each of which can also stand alone."""

    rivals: ClassVar[tuple[str, ...]] = ()  # families whose curves show what a part is worth alone

    def alone(self, scene: Scene, budget: int) -> list[Float[Tensor, "batch heads rows columns"]]:
        """The kernels of parts that only this sum can tell, without the others."""
        return []

    def parts(self, scene: Scene) -> tuple[str, ...]:
        """What the parts are called, having been fitted."""
        return tuple(self.family.split(" + "))


def register(replacement: type[Replacement]) -> type[Replacement]:
    """Make a family known by its name."""
    return FAMILIES.add(replacement.family, replacement)


FAMILIES: Registry[type[Replacement]] = Registry("family", group="itnas.families", adopt=lambda _, made: register(made))
