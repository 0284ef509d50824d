"""Networks by name: built in, installed by other packages, a user's own class, or an exported file."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mhbench.errors import MhbenchError, PredictionError, UsageError
from mhbench.models.protocol import Network
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Callable

    from mhbench.models.protocol import Setup

    Maker = Callable[[Setup], Any]

BUILT_IN: Final = {"loco": "mhbench.models.loco.pipeline:Loco"}
ENTRY_POINTS: Final = "mhbench.models"
EXPORTED: Final = (".pt2", ".onnx")


def make_network(name: str, setup: Setup) -> Network:
    """The network of a name, built with the given weights on the given device.

    Args:
        name: `loco`, an entry point of the group `mhbench.models`, `package.module:Class` (the current folder
            counts), or a file that ends with .pt2 or .onnx (see `exported`).
        setup: what the command line asked for; the class gets it as its one argument.

    Raises:
        UsageError: there is no such name, module or class.
        PredictionError: it lacks `skeleton` or `predict`, or cannot be imported or built.
        MhbenchError: what its own constructor raises.
    """
    try:
        network = _maker(name)(setup)
    except MhbenchError:
        raise
    except Exception as error:
        if name in BUILT_IN:
            raise
        # a user's code is at fault, and not this program
        raise _not_built(name, error) from error
    if not isinstance(network, Network):
        lacking = next(one for one in ("skeleton", "predict") if not hasattr(network, one))
        raise PredictionError(
            f"{name} has no {lacking!r}",
            expected="a class with `skeleton` (the name of its joints) and `predict(frames)`",
            action="see docs/own_model.md for a complete example",
        )
    skeleton(network.skeleton)
    return network


def model_names() -> list[str]:
    """Names of the built-in networks and of those that installed packages bring."""
    return sorted({*BUILT_IN, *importlib.metadata.entry_points(group=ENTRY_POINTS).names})


def _maker(name: str) -> Maker:
    if name.endswith(EXPORTED):
        from mhbench.models.exported import exported_network  # noqa: PLC0415 - loads torch or onnxruntime

        return lambda setup: exported_network(Path(name), setup)
    installed = importlib.metadata.entry_points(group=ENTRY_POINTS)
    if name not in BUILT_IN and name in installed.names:
        maker: Maker = installed[name].load()
        return maker
    target = BUILT_IN.get(name, name)
    if ":" not in target:
        raise UsageError(
            f"there is no model {name!r}",
            expected=f"gt, gt-heatmaps, {', '.join(model_names())}, package.module:Class, or a file"
            f" that ends with {' or '.join(EXPORTED)}",
            action="check the spelling",
        )
    return _imported(target)


def _not_built(name: str, error: Exception) -> PredictionError:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return PredictionError(
        f"{name} could not be imported and built: {type(error).__name__}: {error}"
        f" ({place.filename}, line {place.lineno})",
        expected="a class whose constructor takes one Setup",
        action="correct it; docs/own_model.md has a complete example",
    )


def _imported(target: str) -> Maker:
    module_name, _, attribute = target.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        # an installed command does not look into the current folder, where users keep their networks
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and not module_name.startswith(error.name):
            raise  # the user's module was found and lacks one of its own
        raise UsageError(
            f"there is no module {module_name!r}",
            expected="a module that Python finds from here",
            action="install its package, or run the command in the folder of the file",
        ) from error
    if not hasattr(module, attribute):
        raise UsageError(
            f"the module {module_name} has no {attribute!r}",
            expected="the class of a network",
            action="check it",
        )
    maker: Maker = getattr(module, attribute)
    return maker
