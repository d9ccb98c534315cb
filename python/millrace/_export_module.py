"""A PyTorch module as it is when nobody trains it."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from millrace._export_report import ExportError

# What these do ends with training, whoever wrote them: timm's, torchvision's and their copies.
_TRAINING_ONLY = ("StochasticDepth", "DropPath", "DropBlock", "DropBlock2d", "DropBlock3d")
_HOOKS = {"WeightNorm": "weight norm", "SpectralNorm": "spectral norm"}  # torch.nn.utils.weight_norm and its like


def copied(module: Any) -> Any:
    """A copy on the CPU in float32 and eval mode. The module itself is left as it is."""
    torch: Any = import_module("torch")
    # The weight that such a hook made is no leaf of the graph of gradients, which deepcopy refuses to copy.
    made: dict[int, Any] = {}
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                made[id(value)] = value.detach().clone()
    try:
        return copy.deepcopy(module, made).to("cpu", torch.float32).eval()
    except Exception as error:
        raise ExportError(f"{type(module).__name__} cannot be copied: {type(error).__name__}: {error}") from error


def simplify(module: Any) -> list[str]:
    """Folds and removes, in place, what only training needs; what that was."""
    module.requires_grad_(False)
    return [*_fold_parametrizations(module), *_fold_hooks(module), *_remove_training_only(module)]


def _fold_parametrizations(module: Any) -> Iterator[str]:
    parametrize: Any = import_module("torch.nn.utils.parametrize")
    for name, part in list(module.named_modules()):
        if not parametrize.is_parametrized(part):
            continue
        _give_own_class(part)
        for tensor, chain in list(part.parametrizations.items()):
            kinds = ", ".join(type(step).__name__.strip("_") for step in chain)
            parametrize.remove_parametrizations(part, tensor, leave_parametrized=True)
            yield f"parametrization {kinds} of {_place(name, tensor)}: folded"


def _give_own_class(part: Any) -> None:
    """torch makes a class for a parametrized module. Copies share it, and it loses the tensor when one is folded."""
    own = type(part)
    members = {name: value for name, value in vars(own).items() if name not in ("__dict__", "__weakref__")}
    part.__class__ = type(own.__name__, own.__bases__, members)


def _fold_hooks(module: Any) -> Iterator[str]:
    utils: Any = import_module("torch.nn.utils")
    removers = {"WeightNorm": utils.remove_weight_norm, "SpectralNorm": utils.remove_spectral_norm}
    for name, part in list(module.named_modules()):
        for hook in list(part._forward_pre_hooks.values()):
            kind = type(hook).__name__
            if kind in removers and type(hook).__module__.startswith("torch.nn.utils."):
                removers[kind](part, hook.name)
                yield f"{_HOOKS[kind]} of {_place(name, hook.name)}: folded"


def _remove_training_only(module: Any) -> Iterator[str]:
    nn: Any = import_module("torch.nn")
    dropouts = nn.modules.dropout._DropoutNd
    for name, part in list(module.named_modules()):
        for own, child in list(part.named_children()):
            if isinstance(child, dropouts) or type(child).__name__ in _TRAINING_ONLY:
                setattr(part, own, nn.Identity())
                yield f"{type(child).__name__} {_place(name, own)}: removed"


def _place(module: str, name: str) -> str:
    return f"{module}.{name}" if module else name


def batch_norms(module: Any) -> int:
    """How many there are."""
    nn: Any = import_module("torch.nn")
    return sum(isinstance(part, nn.modules.batchnorm._BatchNorm) for part in module.modules())


def taken(module: Any) -> str:
    """What a module's first layer says of its input."""
    for name, part in module.named_modules():
        kind = f"its layer {name or 'itself'} ({type(part).__name__})"
        if isinstance(channels := getattr(part, "in_channels", None), int):
            return f"{kind} takes {channels} channels"
        if isinstance(features := getattr(part, "in_features", None), int):
            return f"{kind} takes {features} features"
    return "call it with the example to see"


def flat_results(result: Any, names: Sequence[str] | None) -> tuple[list[str], list[Any]]:
    """What a module returned, as tensors with names: of a dict the keys that are asked for, of a tuple the first."""
    if isinstance(result, dict):
        keys = list(result) if names is None else list(names)
        if missing := [key for key in keys if key not in result]:
            raise ExportError(f"outputs: the module returns {', '.join(result)}, not {', '.join(missing)}")
        return keys, [result[key] for key in keys]
    tensors = list(result) if isinstance(result, (list, tuple)) else [result]
    wanted = list(names) if names is not None else list(_numbered("output", len(tensors)))
    if len(wanted) > len(tensors):
        raise ExportError(f"outputs: the module returns {len(tensors)}, found names for {len(wanted)}")
    return wanted, tensors[: len(wanted)]


def _numbered(name: str, count: int) -> Iterator[str]:
    return itertools.islice(itertools.chain([name], (f"{name}_{i}" for i in itertools.count(1))), count)


def flat_module(module: Any, names: Sequence[str]) -> Any:
    """The module with a tuple of tensors as its result, whatever it returns itself."""
    nn: Any = import_module("torch.nn")

    class Flat(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *inputs: Any) -> Any:
            tensors = flat_results(self.module(*inputs), names)[1]
            return tensors[0] if len(tensors) == 1 else tuple(tensors)

    return Flat().eval()


def results_of(module: Any, inputs: Sequence[Any]) -> Any:
    """What the module returns for arrays of numpy."""
    torch: Any = import_module("torch")
    with torch.no_grad():
        return module(*(torch.from_numpy(array.copy()) for array in inputs))
