"""The training loop all reference models share: steps, validation, selection, checkpoints, log.

Every batch is a pure function of the seed and its number, so a training that was stopped and one that was not
see the same data; with weights, optimiser and state restored they end with the same bits on one machine (on
a GPU as far as its kernels add in a fixed order, and with a limit in minutes as far as they are as many).

    OUT/<kind>.safetensors        the best weights so far, with their configuration
    OUT/state/last.safetensors    everything needed to go on
    OUT/log.csv                   one row per epoch; the same in OUT/tensorboard where that is installed
"""

from __future__ import annotations

import math
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import torch
from torch import nn

from mhbench.errors import InputError, OutputError
from mhbench.jobs.progress import shown_progress
from mhbench.models.distribution import Team
from mhbench.models.loco.checkpoints import save_network
from mhbench.models.tensor_files import read_tensors, save_tensors
from mhbench.models.training_log import write_events, write_log
from mhbench.models.training_task import Outcome, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mhbench.models.training_config import TrainingConfig
    from mhbench.models.training_task import Task

STATE: Final = "state/last.safetensors"
LOG: Final = "log.csv"
EVENTS: Final = "tensorboard"
_REMEMBERED: Final = 0.98  # share of the earlier gradients in the usual length of one
_HARMLESS: Final = ("epochs", "minutes", "save_every", "tensorboard")  # settings that change no step


class Trainer:
    """One training in one folder; going on where an earlier run with the same settings stopped.

    Args:
        task: what is trained.
        config: how.
        out: folder of the training.
        device: of the network.
        say: told about validations and checkpoints.

    Raises:
        OutputError: the folder holds a training with other settings, or cannot be written.
        InputError: its state is damaged.
    """

    def __init__(
        self,
        task: Task,
        config: TrainingConfig,
        out: Path,
        device: torch.device,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.task, self.config, self.out, self.device, self._say = task, config, out, device, say
        self.team = Team.joined(device)
        self.network = self.team.wrapped(task.network)
        self.optimizer = torch.optim.Adam(
            [one for one in task.network.parameters() if one.requires_grad],
            lr=config.learning_rate,
            eps=config.epsilon,
        )
        half = config.precision == "fp16" and device.type == "cuda"
        self.scaler = torch.amp.GradScaler(device.type, enabled=half)
        self.state = State(settings=msgspec.to_builtins(config))
        # the clock says nothing about work on a CPU that others share
        self._clock = time.process_time if device.type == "cpu" else time.monotonic
        self._started = 0.0
        self._share_over = 0.0
        if (out / STATE).exists():
            self._load()

    def run(self, *, stop_after: int | None = None, progress: bool = False) -> Outcome:
        """Train to the end, to a signal (SIGTERM, Ctrl-C) or for some steps; the state is saved in any case.

        Args:
            stop_after: steps of this run.
            progress: show progress on stderr.
        """
        config = self.config
        total = config.epochs * config.epoch_steps
        last = total if stop_after is None else min(total, self.state.step + stop_after)
        self._started = self._clock() - self.state.seconds
        if config.minutes:
            self._share_over = min(1.0, self.state.seconds / (60 * config.minutes))
        self.task.network.train()
        with (
            _stop_asked(active=self.team.size == 1) as asked,
            ThreadPoolExecutor(1) as ahead,
            self._shown(total) if progress and self.team.leads else nullcontext(),
        ):
            waiting = ahead.submit(self._batches, self.state.step)
            while self.state.step < last and not (asked.is_set() or self.state.over):
                batches = waiting.result()
                waiting = ahead.submit(self._batches, self.state.step + 1)
                self._step(batches)
                if self.state.step % config.epoch_steps == 0:
                    self._end_epoch()
            waiting.cancel()
        self._count_seconds()
        self._save()
        finished = self.state.over or self.state.step >= total
        return Outcome(
            step=self.state.step,
            best=self.state.best,
            seconds=self.state.seconds,
            finished=finished,
            leads=self.team.leads,
        )

    def _shown(self, total: int) -> AbstractContextManager[None]:
        """Progress in steps, or in seconds where the minutes will end the training first."""
        if not self.config.minutes:
            return shown_progress("train", total, lambda: self.state.step)
        seconds = math.ceil(60 * self.config.minutes)
        return shown_progress(
            "train, seconds", seconds, lambda: min(seconds, int(self._clock() - self._started))
        )

    def _batches(self, step: int) -> list[Any]:
        first = (step * self.team.size + self.team.rank) * self.config.accumulation
        return [
            self.task.batch(np.random.default_rng((self.config.seed, first + n)))
            for n in range(self.config.accumulation)
        ]

    def _step(self, batches: list[Any]) -> None:
        autocast = self.config.precision != "fp32"
        dtype = torch.float16 if self.config.precision == "fp16" else torch.bfloat16
        total = 0.0
        for number, batch in enumerate(batches, 1):
            with (
                self.team.gathering(self.network, last=number == len(batches)),
                torch.autocast(self.device.type, dtype=dtype, enabled=autocast),
            ):
                loss = self.task.loss(self.network, batch) / len(batches)
                self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not np.isfinite(total):
            raise InputError(
                f"the loss is {total} at step {self.state.step}",
                expected="a finite loss",
                action="lower learning_rate, or set precision to bf16 or fp32; the last checkpoint is intact",
            )
        if self.config.clip:
            self._clip()
        for group in self.optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.state.step += 1
        self.state.loss_sum += total

    def _learning_rate(self) -> float:
        """Of this step: growing at first, falling to zero at the end, if the settings say so."""
        config, step = self.config, self.state.step
        growth = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
        over = self._share_over if config.minutes else step / (config.epochs * config.epoch_steps)
        return config.learning_rate * growth * (1 - over if config.decay else 1.0)

    def _clip(self) -> None:
        """Shorten a gradient that is longer than `clip` times the usual length."""
        self.scaler.unscale_(self.optimizer)
        usual = self.state.gradient
        most = self.config.clip * usual if usual else math.inf
        length = float(nn.utils.clip_grad_norm_(self.task.network.parameters(), most))
        if math.isfinite(length):  # in fp16 the scaler leaves out a step whose gradient is not
            kept = _REMEMBERED if usual else 0.0
            self.state.gradient = kept * usual + (1 - kept) * min(length, most)

    def _end_epoch(self) -> None:
        config, state, schedule = self.config, self.state, self.task.schedule
        epoch = state.step // config.epoch_steps
        loss = self.team.mean(state.loss_sum / config.epoch_steps)
        state.loss_sum = 0.0
        self._share_over = self._share_of_minutes()
        state.over = self._share_over >= 1
        last = state.over or epoch == config.epochs
        row: dict[str, int | float] = {"epoch": epoch, "step": state.step, "loss": loss}
        if schedule is not None:
            row["sigma"] = schedule.sigma
        if last or epoch % config.validate_every == 0:
            row |= self._validated()
        if schedule is not None:
            schedule.step(loss, self._share_over)
        state.rows.append(row)
        if self.team.leads and config.tensorboard:
            write_events(self.out / EVENTS, row)
        if self.team.leads and (last or epoch % config.save_every == 0):
            self._save()

    def _count_seconds(self) -> None:
        if self.config.minutes and not self.state.over:
            self.state.seconds = self._clock() - self._started

    def _share_of_minutes(self) -> float:
        """Share of the minutes that is over, the same in all processes; 0 without a limit."""
        if not self.config.minutes:
            return 0.0
        self._count_seconds()
        return self.team.mean(self.state.seconds / (60 * self.config.minutes))

    def _validated(self) -> dict[str, float]:
        """Validate, and keep the weights if they are the best so far."""
        metrics: dict[str, float] = {}
        if self.team.leads:
            self.task.network.eval()
            with torch.inference_mode():
                metrics = self.task.validate()
            self.task.network.train()
            self._say(", ".join(f"{name} {value:.4g}" for name, value in metrics.items()))
            value, best = metrics[self.task.best_by], self.state.best
            better = best is None or (value > best if self.task.higher_is_better else value < best)
            schedule = self.task.schedule
            if better and (schedule is None or schedule.sigma == schedule.final):
                self.state.best = value
                for network, config in self.task.products(metrics):
                    save_network(self.out / f"{config.kind}.safetensors", network, config)
        self.team.wait()
        return metrics

    def _save(self) -> None:
        """Write state and log; each appears whole or not at all."""
        if not self.team.leads:
            return
        optimizer = self.optimizer.state_dict()
        self.state.groups, self.state.scaler = optimizer["param_groups"], self.scaler.state_dict()
        if self.task.schedule is not None:
            # JSON has no infinity: None stands for "no loss yet"
            self.state.schedule = {
                name: value if math.isfinite(value) else None
                for name, value in self.task.schedule.state_dict().items()
            }
        tensors = {f"network.{name}": one for name, one in self.task.network.state_dict().items()}
        for number, slots in optimizer["state"].items():
            tensors |= {f"optimizer.{number}.{name}": one for name, one in slots.items()}
        save_tensors(self.out / STATE, tensors, msgspec.to_builtins(self.state))
        write_log(self.out / LOG, self.state.rows)

    def _load(self) -> None:
        path = self.out / STATE
        tensors, about = read_tensors(path)
        try:
            state = msgspec.json.decode(about or b"", type=State)
        except msgspec.DecodeError as error:
            raise InputError(
                f"{path} is no state of a training: {error}",
                expected="a file this version wrote",
                action="train in another folder",
            ) from error
        wanted = msgspec.json.decode(msgspec.json.encode(self.state.settings))
        changed = [name for name in wanted if state.settings.get(name) != wanted[name]]
        if refused := [name for name in changed if name not in _HARMLESS]:
            raise OutputError(
                f"{self.out} holds a training with {refused[0]} = {state.settings.get(refused[0])!r}",
                expected=f"{wanted[refused[0]]!r}",
                action="train in another folder, or give the settings it began with",
            )
        state.settings = self.state.settings
        state.over = state.over and "minutes" not in changed
        self.state = state
        network = {name.removeprefix("network."): one for name, one in tensors.items() if name[0] == "n"}
        self.task.network.load_state_dict(network)
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, one in tensors.items():
            if name.startswith("optimizer."):
                _, number, slot = name.split(".")
                slots.setdefault(int(number), {})[slot] = one
        self.optimizer.load_state_dict({"state": slots, "param_groups": state.groups})
        self.scaler.load_state_dict(state.scaler)
        if self.task.schedule is not None:
            self.task.schedule.load_state_dict(
                {name: math.inf if value is None else value for name, value in state.schedule.items()}
            )
        self._say(f"going on after step {state.step}")


@contextmanager
def _stop_asked(*, active: bool) -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set while the block runs, so that the state can be saved."""
    event = threading.Event()
    if not active or threading.current_thread() is not threading.main_thread():
        yield event
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, lambda *_: event.set()) for one in signals]
    try:
        yield event
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)
