"""Where in a network layers are called that can be examined: found, listened to, replaced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from itnas.behaviour.adapters import Adapter, Call, IntegralAdapter, UnexaminableError, adapter_for
from itnas.behaviour.scene import Inputs
from itnas.behaviour.subjects import Subject
from itnas.operator.domain import Domain


@dataclass(frozen=True)
class Site:
    """One call of one layer in a forward pass; a layer that is called twice has two sites."""

    module: str  # its name in the network
    call: int  # the how-manieth call (of an iterated integral transform: application)

    def __str__(self) -> str:
        return self.module if self.call == 0 else f"{self.module} (call {self.call + 1})"


@dataclass(frozen=True)
class Heard:
    """What a site was given, who it is, and what it gave back."""

    site: Site
    subject: Subject
    inputs: Inputs
    answer: Any


Replacing = Callable[[Tensor, Domain | None], Tensor]


def layers_of(network: nn.Module) -> dict[str, nn.Module]:
    """The layers that can be examined, by name; what is inside one of them is part of it."""
    found: dict[str, nn.Module] = {}

    def visit(name: str, module: nn.Module) -> None:
        if adapter_for(module) is not None:
            if all(module is not other for other in found.values()):
                found[name or type(module).__name__] = module
            return
        for child_name, child in module.named_children():
            visit(f"{name}.{child_name}" if name else child_name, child)

    visit("", network)
    return found


def listen(
    network: nn.Module,
    run: Callable[[], Any],
    without: Mapping[Site, Replacing] | None = None,
    refused: dict[str, str] | None = None,
) -> list[Heard]:
    """Run the network, perhaps with some sites replaced, and say what every site was given, in the order of calls.

    `refused` is told of the layers that cannot be examined, and why; without it they are an error.
    """
    heard: list[Heard] = []
    by = without or {}

    def note(site: Site, adapter: Adapter, call: Call) -> Any:
        try:
            (u, domain), subject = adapter.read(call), adapter.subject(call)
        except UnexaminableError as error:
            if refused is None:
                raise
            refused[site.module] = str(error)
            return call.original(*call.args, **call.kwargs)
        inputs = Inputs(u.detach().clone(), domain)
        answer = _in_place_of(adapter, by[site], call) if site in by else call.original(*call.args, **call.kwargs)
        heard.append(Heard(site, subject, inputs, _copied(answer)))
        return answer

    with torch.no_grad(), _tapped(layers_of(network), note):
        run()
    return [each for each in heard if each.site.module not in (refused or {})]


@contextmanager
def replaced(network: nn.Module, by: Mapping[Site, Replacing], before: Sequence[Heard] = ()) -> Iterator[None]:
    """While this lasts, sites answer what their replacements say.

    `before`: what was heard, on the same inputs, at sites that are called before any of these. They need not work it
    out again.
    """
    known = {heard.site: heard.answer for heard in before}

    def substitute(site: Site, adapter: Adapter, call: Call) -> Any:
        if site in known:
            return _copied(known[site])
        if site in by:
            return _in_place_of(adapter, by[site], call)
        return call.original(*call.args, **call.kwargs)

    wanted = {site.module for site in (*by, *known)}
    with _tapped({name: module for name, module in layers_of(network).items() if name in wanted}, substitute):
        yield


def _in_place_of(adapter: Adapter, by: Replacing, call: Call) -> Any:
    """A replacement's answer, which the model may change in place."""
    return adapter.wrap(by(*adapter.read(call)).clone(), call)


def _copied(answer: Any) -> Any:
    """An answer that nobody who changes it in place can spoil."""
    if isinstance(answer, Tensor):
        return answer.detach().clone()
    return tuple(_copied(each) for each in answer) if isinstance(answer, tuple) else answer


Tap = Callable[[Site, Adapter, Call], Any]


@contextmanager
def _tapped(layers: Mapping[str, nn.Module], tap: Tap) -> Iterator[None]:
    """While this lasts, `tap` answers every call of these layers."""
    calls: dict[str, int] = defaultdict(int)
    fast = torch.backends.mha.get_fastpath_enabled()
    with ExitStack() as stack:
        # torch's fused encoder layers call no submodule.
        torch.backends.mha.set_fastpath_enabled(False)
        stack.callback(torch.backends.mha.set_fastpath_enabled, fast)
        for name, module in layers.items():
            kind = adapter_for(module)
            assert kind is not None
            _wrap(stack, name, module, kind(module), tap, calls)
        yield


def _wrap(stack: ExitStack, name: str, module: nn.Module, adapter: Adapter, tap: Tap, calls: dict[str, int]) -> None:
    original = getattr(module, adapter.method)
    if isinstance(adapter, IntegralAdapter):
        _remember_domain(stack, adapter)

    def answer(*args: Any, **kwargs: Any) -> Any:
        call = Call(original, args, kwargs, calls[name])
        calls[name] += 1
        return tap(Site(name, call.number), adapter, call)

    _set(stack, module, adapter.method, answer)


def _remember_domain(stack: ExitStack, adapter: IntegralAdapter) -> None:
    original = adapter.module.forward

    def forward(u: Tensor, domain: Domain | None = None) -> Any:
        adapter.domain = domain
        return original(u, domain)

    _set(stack, adapter.module, "forward", forward)


def _set(stack: ExitStack, module: nn.Module, name: str, value: Any) -> None:
    """An attribute of the instance hides the class's method, and goes when the stack unwinds."""
    missing = object()
    before = module.__dict__.get(name, missing)
    module.__dict__[name] = value

    def restore() -> None:
        if before is missing:
            module.__dict__.pop(name, None)
        else:
            module.__dict__[name] = before

    stack.callback(restore)
