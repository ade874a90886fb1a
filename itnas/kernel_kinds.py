"""Kernel kinds of one's own, in genomes: `kernel: {kind: nearness, width: 8}`."""

from __future__ import annotations

import abc
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from itnas.registry import Registry
from itnas.settings import Settings, one_sentence

if TYPE_CHECKING:
    from itnas.operator.kernel import KernelSpec

OWN = ("mlp", "factorised")


class OtherKernel(Settings, abc.ABC):
    """The settings of a kernel kind that is not itnas's own.

    A subclass names it by `kind: Literal["nearness"] = "nearness"`, has its settings as further fields, and says how
    they become a kernel of the operator. Parameters are counted by building that; flops and memory are taken to be
    those of an `mlp` kernel with the settings `costs_like`.
    """

    kind: str
    costs_like: ClassVar[Mapping[str, Any]] = {"features": ["content"], "hidden": 16}

    @abc.abstractmethod
    def reads(self) -> set[str]:
        """The pair features that it reads: they decide which symmetries hold."""

    @abc.abstractmethod
    def spec(self, position_dim: int | None, modalities: int) -> KernelSpec:
        """The operator's description of it, for so many axes of space (None: no places) and kinds of points."""


def register(kind: type[OtherKernel]) -> type[OtherKernel]:
    """Make a kernel kind known by its name."""
    name = kind.model_fields["kind"].default
    if not isinstance(name, str) or name in OWN:
        raise ValueError(f"{kind.__name__}: kind must have a name of its own as default, got {name!r}")
    return KERNELS.add(name, kind)


KERNELS: Registry[type[OtherKernel]] = Registry(
    "kernel kind", group="itnas.kernels", adopt=lambda _, kind: register(kind)
)


def other_or(value: Any, own: Callable[[Any], Any]) -> Any:
    """A kernel of a registered kind; everything else is for `own` to read, or to refuse."""
    if isinstance(value, OtherKernel):
        return value
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(kind, str) or kind in OWN or kind not in KERNELS:
        return own(value)
    try:
        # By way of JSON, as all settings are read: lists stand for tuples there.
        return KERNELS[kind].model_validate_json(json.dumps(value))
    except ValidationError as error:
        raise ValueError(one_sentence(error, kind)) from error
