"""One training on several GPUs: what `torchrun --nproc-per-node N -m mhbench train ...` starts."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import torch
from torch import distributed, nn

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_LONGEST_VALIDATION: Final = timedelta(hours=2)  # others wait for the leader


@dataclass(frozen=True, slots=True)
class Team:
    """The processes of a training.

    Attributes:
        rank: number of this one; 0 validates and writes.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def joined(cls, device: torch.device) -> Team:
        """The team torchrun started this process in; alone without torchrun."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group(
                "nccl" if device.type == "cuda" else "gloo", timeout=_LONGEST_VALIDATION
            )
        return cls(distributed.get_rank(), size)

    @property
    def leads(self) -> bool:
        """Whether this process validates and writes."""
        return self.rank == 0

    def wrapped(self, network: nn.Module) -> nn.Module:
        """The network, averaging its gradients over the team."""
        return network if self.size == 1 else nn.parallel.DistributedDataParallel(network)

    def gathering(self, network: nn.Module, *, last: bool) -> AbstractContextManager[None]:
        """Whether this backward pass exchanges gradients: only the last one of a step does."""
        if last or not isinstance(network, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return network.no_sync()

    def mean(self, value: float) -> float:
        """The mean of a number over the team, the same in every process."""
        if self.size == 1:
            return value
        values: list[float | None] = [None] * self.size
        distributed.all_gather_object(values, value)
        return sum(one for one in values if one is not None) / self.size

    def wait(self) -> None:
        """Wait for all others."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """End the exchange, as torch asks every process to do."""
        if self.size > 1:
            distributed.destroy_process_group()


def local_device(name: str) -> str:
    """The device of this process: under torchrun the GPU of its own number, as far as GPUs are wanted."""
    rank = os.environ.get("LOCAL_RANK")
    if rank is None or name == "cpu" or not torch.cuda.is_available():
        return name
    torch.cuda.set_device(int(rank))
    return f"cuda:{rank}"
