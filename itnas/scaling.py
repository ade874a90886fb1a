"""Scaling up: the same genome wider or deeper, a task's samples longer. What is not named stays as it is."""

from __future__ import annotations

import bisect
import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING

from pydantic import ValidationError

from itnas.genes import Integral, Mixer
from itnas.genome import Genome
from itnas.settings import one_sentence

if TYPE_CHECKING:
    from itnas.tasks import Task

# A number, or a factor of what there is: 128, "128", "2x", "1.5x".
Amount = int | str

_FACTOR = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?|\.[0-9]{1,12})x")
_NUMBER = re.compile(r"-?[0-9]{1,15}")


def amount(given: Amount, base: int, what: str) -> int:
    """The number that is meant: itself, or a factor of `base`; `what` names it in errors."""
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    text = given.strip() if isinstance(given, str) else ""
    if _NUMBER.fullmatch(text):
        return int(text)
    factor = _FACTOR.fullmatch(text)
    if factor is None:
        raise ValueError(f"{what} must be a factor such as 2x or a whole number such as {2 * base}, got {given!r}")
    found = Fraction(factor[1]) * base
    if found == 0:
        raise ValueError(f"a factor must be greater than 0, got {what} {text}")
    if found.denominator != 1:
        near = " or ".join(map(str, sorted({max(1, math.floor(found)), math.ceil(found)})))
        raise ValueError(f"{what} {text} of {base} is {float(found):.6g}, which is no whole number: ask for {near}")
    return int(found)


def scaled(genome: Genome, *, width: Amount | None = None, depth: Amount | None = None) -> Genome:
    """The genome at another width or depth, which are numbers (128) or factors ("2x").

    Width: heads stay as many and become wider; a `value_dim` that is set grows with the width. Depth: a list of
    layers goes on as the stripe that it is, [a, b] twice as deep is [a, b, a, b]. Kernels, quadratures, channel mixing,
    the training recipe and its learning rates stay.
    """
    if width is None and depth is None:
        return genome
    # A single block is not tied to anything, whatever it says.
    changes: dict[str, object] = {"tied": genome.tied and genome.depth > 1}
    layers: tuple[Mixer, ...] = genome.layers
    if width is not None:
        changes["width"] = wide = amount(width, genome.width, "width")
        layers = _widened(genome, wide)
    if depth is not None:
        changes["depth"] = deep = amount(depth, genome.depth, "depth")
        layers = _striped(genome, layers, deep)
    try:
        return Genome(**{name: getattr(genome, name) for name in Genome.model_fields} | {"layers": layers} | changes)
    except ValidationError as error:
        raise ValueError(one_sentence(error, "genome")) from error


def with_parameters(genome: Genome, task: Task, parameters: int) -> Genome:
    """The genome at the width that brings its parameters on the task nearest to so many: for comparisons of equals."""
    if parameters < 1:
        raise ValueError(f"parameters must be at least 1, got {parameters}")
    genome.cost(task.length, task)  # what cannot be built at its own width is refused
    step = math.lcm(*(_width_step(layer, genome.width) for layer in genome.layers))

    def at(number: int) -> int:
        """Parameters at the width of so many steps; none where it is too narrow for something."""
        try:
            return scaled(genome, width=number * step).cost(task.length, task).parameters
        except ValueError:
            return 0

    above = max(1, genome.width // step)
    # Without `at`: a width that is refused here must end the search.
    while scaled(genome, width=above * step).cost(task.length, task).parameters < parameters:
        above *= 2
    first = bisect.bisect_left(range(above), parameters, 1, key=at)
    near = [number for number in (first - 1, first) if number and at(number)]
    return scaled(genome, width=step * min(near, key=lambda number: abs(at(number) - parameters)))


def _widened(genome: Genome, width: int) -> tuple[Mixer, ...]:
    """Layers whose `value_dim` has grown with the width, where one is set."""
    step = math.lcm(*(_width_step(layer, genome.width) for layer in genome.layers))
    if width < 1 or width % step == 0:
        return tuple(_with_values(layer, genome.width, width) for layer in genome.layers)
    bound = [layer for layer in genome.layers if width % _width_step(layer, genome.width)]
    reasons = " and ".join(dict.fromkeys(map(_reason, bound)))
    raise ValueError(
        f"width={width} does not go with {reasons}: use a multiple of {step}, such as width={-(-width // step) * step}"
    )


def _own_values(layer: Mixer, width: int) -> int | None:
    """The `value_dim` that a layer sets, unless it is what would be taken anyway."""
    if not isinstance(layer, Integral) or layer.value_dim == -(-width // layer.heads):
        return None
    return layer.value_dim


def _width_step(layer: Mixer, width: int) -> int:
    """What a new width must be a multiple of."""
    if isinstance(layer, Integral):
        values = _own_values(layer, width)
        return 1 if values is None else width // math.gcd(width, values)
    return int(getattr(layer, "heads", 1))


def _reason(layer: Mixer) -> str:
    if isinstance(layer, Integral):
        return f"value_dim={layer.value_dim} (it grows with the width)"
    return f"heads={getattr(layer, 'heads', 1)} of {layer.mixer}"


def _with_values(layer: Mixer, before: int, width: int) -> Mixer:
    if not isinstance(layer, Integral) or layer.value_dim is None:
        return layer
    values = _own_values(layer, before)
    return layer.model_copy(update={"value_dim": None if values is None else values * width // before})


def _striped(genome: Genome, layers: tuple[Mixer, ...], depth: int) -> tuple[Mixer, ...]:
    """The layers of a network so deep, where they are listed one by one."""
    period = _period(genome.canonical().layers)
    if period == 1:
        return layers[:1]
    if depth % period:
        near = sorted({max(period, depth - depth % period), depth + period - depth % period})
        raise ValueError(
            f"depth={depth} cuts the stripe of {period} layers that this genome repeats: "
            f"use a multiple of {period}, such as depth={' or '.join(map(str, near))}"
        )
    return layers[:period] * (depth // period)


def _period(layers: tuple[Mixer, ...]) -> int:
    """The length of the shortest stripe that the layers repeat."""
    count = len(layers)
    return next(n for n in range(1, count + 1) if count % n == 0 and layers[:n] * (count // n) == layers)
