"""Files of tensors: our own (safetensors with JSON inside), and state dicts that others saved with torch.

Foreign files are read by torch's restricted reader, which runs nothing in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import torch

from mhbench.errors import InputError, MissingExtraError, MissingInputError
from mhbench.shards.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Tensors = dict[str, torch.Tensor]

SUFFIXES: Final = (".safetensors", ".pth", ".pt", ".tar", ".bin")
_METADATA: Final = "mhbench"
_PARALLEL: Final = "module."  # what torch's DataParallel puts before every name
_NESTED: Final = ("model", "state_dict", "model_state_dict")


def save_tensors(path: Path, tensors: Mapping[str, torch.Tensor], about: Mapping[str, Any]) -> None:
    """Write tensors and JSON about them as one safetensors file, whole or not at all."""
    save = _safetensors().save
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = msgspec.json.encode(about, order="sorted").decode()
    write_atomically(path, save(whole, {_METADATA: text}))


def read_tensors(path: Path) -> tuple[Tensors, msgspec.Raw | None]:
    """The tensors of a file, and the JSON we wrote about them if it is ours.

    Raises:
        MissingInputError: there is no such file.
        InputError: it is damaged, of another format, or holds more than tensors.
    """
    if not path.is_file():
        raise MissingInputError(
            f"there are no weights {path}", expected="a file of weights", action="check the path"
        )
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch has no common base for all that a file can be wrong in
        raise InputError(
            f"{path} cannot be read as weights: {str(error).splitlines()[0] if str(error) else error!r}",
            expected="a plain dictionary of tensors, as torch.save(model.state_dict(), path) writes it",
            action="load it where it was made and save its state_dict; nothing in it was executed",
        ) from error
    return _plain(path, content), None


def _plain(path: Path, content: object) -> Tensors:
    """The state dict in what a file holds: itself, or under the usual names of training files."""
    for name in _NESTED:
        if isinstance(content, dict) and isinstance(content.get(name), dict):
            content = content[name]
    if not isinstance(content, dict) or not all(isinstance(one, torch.Tensor) for one in content.values()):
        raise InputError(
            f"{path} holds no dictionary of tensors",
            expected="a state dict, itself or under one of: " + ", ".join(_NESTED),
            action="save model.state_dict()",
        )
    names = [str(name) for name in content]
    if all(name.startswith(_PARALLEL) for name in names):
        names = [name.removeprefix(_PARALLEL) for name in names]
    return dict(zip(names, content.values(), strict=True))


def _read_safetensors(path: Path) -> tuple[Tensors, msgspec.Raw | None]:
    _safetensors()
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - an extra

    try:
        with safe_open(path, framework="pt") as file:
            about = (file.metadata() or {}).get(_METADATA)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{path} is damaged: {error}", expected="a whole safetensors file", action="copy it again"
        ) from error
    return tensors, None if about is None else msgspec.Raw(about.encode())


def _safetensors() -> Any:
    try:
        import safetensors.torch  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("safetensors", "models", "reading and writing weights") from error
    return safetensors.torch
