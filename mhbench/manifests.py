"""Manifests: the TOML files that hold what is data and not code, found and validated.

They live in `manifests/` of the repository (editable install) or in `mhbench/_data/manifests` (wheel).
"""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from mhbench.errors import ManifestError, MissingInputError

if TYPE_CHECKING:
    from collections.abc import Collection

Struct = TypeVar("Struct", bound=msgspec.Struct)


@functools.cache
def manifest_root() -> Path:
    """Folder of the manifests: inside the installed package, else beside it in the repository.

    Raises:
        MissingInputError: neither is there; the installation is broken.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "_data" / "manifests", package.parent / "manifests"):
        if folder.is_dir():
            return folder
    raise MissingInputError(
        f"the manifests of mhbench are missing beside {package}",
        expected="the folder _data/manifests in the package, or manifests/ in the repository",
        action="install mhbench again",
    )


def manifest_path(name: str) -> Path:
    """Path of one manifest, given as `datasets/panoptic`.

    Raises:
        ManifestError: there is no manifest of this name; the message lists those there are.
    """
    path = manifest_root() / f"{name}.toml"
    if not path.is_file():
        kind = name.partition("/")[0]
        raise ManifestError(
            f"there is no manifest {name!r}",
            expected=f"one of: {', '.join(manifest_names(kind)) or 'none exist'}",
            action="check the spelling",
        )
    return path


def manifest_names(kind: str) -> list[str]:
    """Names of all manifests of a kind (`datasets`, `skeletons`, `protocols`, ...), without the kind."""
    folder = manifest_root() / kind
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.toml"))


def read_manifest(name: str, kind: type[Struct]) -> Struct:
    """Read and validate one manifest, given as `datasets/panoptic`.

    Raises:
        ManifestError: no such manifest, no TOML, or a field breaks the schema (with its path).
    """
    return decode_manifest(manifest_path(name), kind)


def decode_manifest(path: Path, kind: type[Struct]) -> Struct:
    """Read and validate a manifest file as the given struct (`read_manifest` for a path)."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=kind)
    except msgspec.DecodeError as error:  # ValidationError is a DecodeError and names the field
        raise ManifestError(
            f"{path}: {error}",
            expected=f"the fields of {kind.__name__}",
            action="correct the file; the manifests beside it are examples",
        ) from error


def manifest_hash(name: str, texts: Collection[str] = ()) -> str:
    """sha256 of a manifest's content: its decoded values as canonical JSON, so comments do not count.

    Args:
        name: as in `read_manifest`.
        texts: fields that are for people only and are left out, so that a better wording changes nothing.
    """
    content = msgspec.toml.decode(manifest_path(name).read_bytes())
    content = {field: value for field, value in content.items() if field not in texts}
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()
