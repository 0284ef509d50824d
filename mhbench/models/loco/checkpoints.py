"""Weights of LoCO: our own files (safetensors with the configuration inside) and user-supplied public ones.

What a file holds is told by its keys, its level and depth bins by the shapes, so that a wrong file is named
as what it is.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - a field of a dataclass that is shown
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import msgspec

from mhbench.errors import InputError, MissingInputError
from mhbench.heatmaps import Grid
from mhbench.models.loco.autoencoder import LEVELS, Autoencoder
from mhbench.models.loco.inception import CLASSIFIERS
from mhbench.models.loco.predictor import Predictor
from mhbench.models.loco.refiner import Refiner
from mhbench.models.tensor_files import SUFFIXES, read_tensors, save_tensors
from mhbench.skeletons import skeleton

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn

    from mhbench.models.tensor_files import Tensors

Kind = Literal["autoencoder", "predictor", "refiner"]
_FIRST_KEYS: Final[dict[str, Kind]] = {
    "encoder.": "autoencoder",
    "f_extractor.": "predictor",
    "fc1.": "refiner",
}
_WIDTH_KEY: Final = "f_extractor.Conv2d_1a_3x3.conv.weight"


class GridConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the volumes of a model mean; image size apart, the fields of `Grid`. The defaults are JTA's."""

    joints: tuple[str, ...] = skeleton("loco_14").joints
    depth_min: float = 0.0
    depth_max: float = 100.0
    depth_bins: int = 316
    stride: int = 8
    depth_axis: Literal["distance", "z"] = "distance"
    pixel_rounding: Literal["none", "truncate"] = "truncate"

    @classmethod
    def of(cls, grid: Grid) -> GridConfig:
        """What a grid says apart from the size of the image."""
        return cls(**{name: getattr(grid, name) for name in cls.__struct_fields__})

    def grid(self, height: int, width: int, sigma: float = 2.0) -> Grid:
        """The grid of an image of that size."""
        return Grid(**msgspec.structs.asdict(self), height=height, width=width, sigma=sigma)


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is needed to build a network again and to know what its numbers mean.

    Attributes:
        kind: which of the three networks.
        level: of the code (not of the refiner).
        width: share of the channels of the predictor.
        grid: of the volumes; the refiner uses its joints only.
        limits: (J,) metres, of the refiner.
        root: channel of the refiner's root.
        trained_on: data sets it was trained on; empty = not known.
        metrics: of the validation that chose these weights.
    """

    kind: Kind
    level: int = 2
    width: float = 1.0
    grid: GridConfig = GridConfig()
    limits: tuple[float, ...] = ()
    root: int = 0
    trained_on: tuple[str, ...] = ()
    metrics: dict[str, float] = {}

    def build(self) -> nn.Module:
        """The network with fresh weights."""
        if self.kind == "refiner":
            return Refiner(self.limits, self.root) if self.limits else Refiner()
        if self.kind == "predictor":
            return Predictor(self.level, self.grid.depth_bins, self.width)
        return Autoencoder(self.level, self.grid.depth_bins, len(self.grid.joints))


class Product(NamedTuple):
    """A network that a training makes, and what is to be stored with its weights."""

    network: nn.Module
    config: Config


class Loaded(NamedTuple):
    """A network with its weights, and the file they came from."""

    path: Path
    config: Config
    network: nn.Module


def save_network(path: Path, network: nn.Module, config: Config) -> None:
    """Write the weights of a network with its configuration inside.

    Raises:
        OutputError: the disk is full or the folder cannot be written; nothing is left behind.
    """
    save_tensors(path, network.state_dict(), {"config": config})


def load_network(path: Path, kind: Kind | None = None) -> Loaded:
    """A network of LoCO with its weights, on the CPU, in evaluation mode.

    Args:
        path: our own file, or a state dict with the public names.
        kind: which network is expected.

    Raises:
        MissingInputError: there is no such file.
        InputError: it holds no or another network of LoCO, or its keys or shapes do not fit; the message
            names the first key and, where shapes differ, the level the file looks like.
    """
    tensors, about = read_tensors(path)
    config = _config(path, tensors, about)
    if kind is not None and config.kind != kind:
        raise InputError(
            f"{path} holds the {config.kind} of LoCO", expected=f"its {kind}", action="give the other file"
        )
    network = config.build()
    fit(network, tensors, path)
    return Loaded(path, config, network.eval())


def find_networks(places: Iterable[Path]) -> dict[Kind, Loaded]:
    """The networks in some files and folders, each told by its keys.

    Raises:
        InputError: two files hold the same network, or one cannot be used.
        MissingInputError: a place is not there.
    """
    found: dict[Kind, Loaded] = {}
    for path in _files(places):
        loaded = load_network(path)
        if loaded.config.kind in found:
            raise InputError(
                f"{found[loaded.config.kind].path} and {path} both hold the {loaded.config.kind} of LoCO",
                expected="one of each",
                action="give the files one by one: --weights FILE --weights FILE",
            )
        found[loaded.config.kind] = loaded
    return found


def load_trunk(path: Path, predictor: Predictor) -> None:
    """Put torchvision's Inception v3 weights into the trunk of a predictor.

    Raises:
        InputError: the file is no Inception v3 of that width.
    """
    tensors, _ = read_tensors(path)
    trunk = {name: tensor for name, tensor in tensors.items() if not name.startswith(CLASSIFIERS)}
    fit(predictor.f_extractor, trunk, path)


def fit(network: nn.Module, tensors: Tensors, path: Path) -> None:
    """Put tensors into a network; the first key or shape that does not fit is named."""
    wanted = network.state_dict()
    # counters of batches, which older files lack, do not change what a network computes
    missing = [name for name in wanted if name not in tensors and not name.endswith("num_batches_tracked")]
    unknown = [name for name in tensors if name not in wanted]
    if missing or unknown:
        raise InputError(
            f"{path} " + (f"has no key {missing[0]!r}" if missing else f"has an unknown key {unknown[0]!r}"),
            expected=f"the {len(wanted)} keys of {type(network).__name__}, such as {next(iter(wanted))!r}",
            action="check that the file holds this network",
        )
    for name in wanted:
        tensor = tensors.get(name, wanted[name])
        if tensor.shape != wanted[name].shape:
            raise InputError(
                f"{path}: {name} has shape {tuple(tensor.shape)}",
                expected=f"{tuple(wanted[name].shape)}",
                action=f"the file looks like {_looks_like(tensors)}; choose the weights or the configuration"
                " to match",
            )
    network.load_state_dict({**wanted, **tensors})


def _looks_like(tensors: Tensors) -> str:
    kind = _kind(tensors)
    if kind is None:
        return "something else than LoCO"
    if kind == "refiner":
        return f"a refiner of {len(tensors['fc3.0.bias']) // 3 + 1} joints"
    level, depth_bins = _level_and_bins(kind, tensors)
    bins = f" with {depth_bins} depth bins" if kind == "autoencoder" else ""
    return f"the {kind} of level {level}{bins}"


def _kind(tensors: Tensors) -> Kind | None:
    return next(
        (kind for start, kind in _FIRST_KEYS.items() if any(name.startswith(start) for name in tensors)), None
    )


def _level_and_bins(kind: Kind, tensors: Tensors) -> tuple[int, int]:
    """Level and depth bins as the shapes tell them."""
    if kind == "autoencoder":
        depth_bins = tensors["encoder.0.weight"].shape[1]
        code = tensors["encoder.4.weight"].shape[0]
        first = tensors["encoder.0.weight"].shape[0]
        level = next((n for n, one in LEVELS.items() if one.channels(depth_bins)[::2] == (first, code)), 0)
        return level, depth_bins
    # the code of a predictor: 158, 79 or 39 channels at the 316 depth bins of every published grid
    code = tensors["main.3.weight"].shape[0]
    level = next((n for n, one in LEVELS.items() if one.channels(316)[-1] == code), 0)
    return level, 316


def _config(path: Path, tensors: Tensors, about: msgspec.Raw | None) -> Config:
    if about is not None:
        try:
            return msgspec.json.decode(about, type=_About).config
        except msgspec.DecodeError as error:
            raise InputError(
                f"{path} was written by another version of mhbench: {error}",
                expected="weights with a configuration of this version",
                action="load it with the version that wrote it",
            ) from error
    kind = _kind(tensors)
    if kind is None:
        raise InputError(
            f"{path} holds no network of LoCO: its first key is {next(iter(tensors), 'missing')!r}",
            expected=f"keys that start with one of: {', '.join(_FIRST_KEYS)}",
            action="give a state dict of the autoencoder, the code predictor or the refiner",
        )
    if kind == "refiner":
        return Config(kind=kind)
    try:
        level, depth_bins = _level_and_bins(kind, tensors)
        width = tensors[_WIDTH_KEY].shape[0] / 32 if kind == "predictor" else 1.0
    except KeyError as error:
        raise InputError(
            f"{path} has no key {error}", expected=f"all keys of the {kind} of LoCO", action="save it whole"
        ) from error
    if not level:
        code = tensors["encoder.4.weight" if kind == "autoencoder" else "main.3.weight"].shape[0]
        raise InputError(
            f"{path} holds a code of {code} channels",
            expected="158, 79 or 39 (levels 1, 2 and 3 of 316 depth bins)",
            action="weights of other grids need the configuration that mhbench writes into its own files",
        )
    return Config(kind=kind, level=level, width=width, grid=GridConfig(depth_bins=depth_bins))


class _About(msgspec.Struct, frozen=True):
    config: Config


def _files(places: Iterable[Path]) -> list[Path]:
    files: list[Path] = []
    for place in places:
        inside = sorted(one for one in place.glob("*") if one.suffix in SUFFIXES) if place.is_dir() else []
        if place.is_dir() and not inside:
            raise MissingInputError(
                f"there are no weights in {place}",
                expected=f"files that end with {', '.join(SUFFIXES)}",
                action="`mhbench train` makes them; the published ones are not part of mhbench",
            )
        files += inside or [place]
    return files
