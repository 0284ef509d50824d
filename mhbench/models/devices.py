"""Devices and precisions by name."""

from __future__ import annotations

from typing import Final

import torch

from mhbench.errors import UsageError

KINDS: Final = ("cpu", "cuda", "mps")
DTYPES: Final = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


def chosen_device(name: str) -> torch.device:
    """The device of a name, checked to be there; `auto` is the first GPU, or else the CPU.

    Raises:
        UsageError: there is no such device.
    """
    if name == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise _unknown(name) from error
    if device.type not in KINDS:  # torch knows others, such as meta, on which nothing is computed
        raise _unknown(name)
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device.type == "cuda" and (device.index or 0) >= count:
        raise UsageError(
            f"the device {name} was asked for, but torch sees {count or 'no'} GPUs",
            expected=f"a GPU below cuda:{count}" if count else "a GPU, its driver and a CUDA build of torch",
            action="use --device cpu, or check `nvidia-smi` and CUDA_VISIBLE_DEVICES",
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise UsageError("the device mps was asked for, but torch does not see it", action="use --device cpu")
    return device


def _unknown(name: str) -> UsageError:
    return UsageError(
        f"there is no kind of device {name!r}", expected="auto, cpu, cuda, cuda:1, mps", action="choose one"
    )


def chosen_dtype(name: str) -> torch.dtype:
    """The floating type of a precision.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in DTYPES:
        raise UsageError(
            f"there is no precision {name!r}",
            expected=f"one of: {', '.join(DTYPES)}",
            action="take fp32 where exact numbers matter, bf16 or fp16 where time does",
        )
    return DTYPES[name]


def peak_memory(device: torch.device) -> int:
    """Most bytes that tensors took on a GPU so far; 0 on the CPU."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
