"""What every benchmark shares: the machine, the timing loop, the result file and its schema.

A benchmark measures what it compares side by side, in one run and in turns, so that a slow minute of the
machine hits everybody. It records median and spread, warm-up, seed and machine, and publishes its losses
beside its wins. No test asserts a time.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RESULTS = Path(__file__).parent / "results"
# on a machine that others use, too, the seconds that this process computed say more than those that went by
CLOCKS = {"wall": time.perf_counter, "processor": time.process_time}


class Machine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where it was measured."""

    processor: str
    cores: int
    memory_gib: float
    system: str
    python: str
    packages: dict[str, str]


class Measurement(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Seconds one piece of work took: the median, and the quartiles and extremes as its spread."""

    name: str
    who: Literal["ours", "peer", "machine"]
    median: float
    lower_quartile: float
    upper_quartile: float
    fastest: float
    slowest: float
    repeats: int
    warm_up: int
    note: str = ""


class Claim(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A figure derived from measurements of this run, and whether it keeps its floor (None: it has none)."""

    name: str
    value: float
    unit: str
    floor: float | None = None
    wanted: Literal["at least", "at most"] = "at least"
    kept: bool | None = None


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the machine allows at best: bytes that must move, at the bandwidth measured in this run."""

    name: str
    bytes: int
    bytes_per_second: float
    seconds: float
    distance: float
    note: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run of one benchmark: the schema of the result file."""

    format: Literal["mhbench-benchmark/1"] = "mhbench-benchmark/1"
    benchmark: str
    about: str
    seed: int
    settings: dict[str, int | float | str | bool]
    machine: Machine
    measurements: list[Measurement]
    claims: list[Claim]
    limits: list[Limit] = []


@dataclass(frozen=True, slots=True)
class Contender:
    """One side of a comparison: `call` does its work `per` times; `prepare` runs before it, unmeasured."""

    call: Callable[[], object]
    who: Literal["ours", "peer", "machine"] = "ours"
    prepare: Callable[[], object] | None = None
    note: str = ""
    repeats: int | None = None
    per: int = 1


def measure(
    contenders: Mapping[str, Contender], *, repeats: int = 15, warm_up: int = 3, clock: str = "wall"
) -> dict[str, Measurement]:
    """Time all contenders in turns: a round calls each of them once, the next round starts with the next one.

    A contender with its own `repeats` (a slow peer) takes part in that many rounds only, with one warm-up.
    The clock is one of `CLOCKS`.
    """
    now = CLOCKS[clock]
    names = list(contenders)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        for _ in range(_warm_up(contenders[name], warm_up)):
            _time_once(contenders[name], now)
    for round_number in range(repeats):
        start = round_number % len(names)
        for name in names[start:] + names[:start]:
            rounds = contenders[name].repeats
            if rounds is None or round_number < rounds:
                seconds[name].append(_time_once(contenders[name], now))
    return {
        name: summarise(
            name,
            seconds[name],
            who=contenders[name].who,
            warm_up=_warm_up(contenders[name], warm_up),
            note=contenders[name].note,
        )
        for name in names
    }


def _warm_up(contender: Contender, warm_up: int) -> int:
    return warm_up if contender.repeats is None else min(warm_up, 1)


def _time_once(contender: Contender, now: Callable[[], float]) -> float:
    if contender.prepare is not None:
        contender.prepare()
    start = now()
    contender.call()
    return (now() - start) / contender.per


def summarise(
    name: str,
    seconds: Sequence[float],
    *,
    who: Literal["ours", "peer", "machine"] = "ours",
    warm_up: int = 0,
    note: str = "",
) -> Measurement:
    """Median and spread of a list of times in seconds."""
    quartiles = (
        statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else [seconds[0]] * 3
    )
    return Measurement(
        name=name,
        who=who,
        median=quartiles[1],
        lower_quartile=quartiles[0],
        upper_quartile=quartiles[2],
        fastest=min(seconds),
        slowest=max(seconds),
        repeats=len(seconds),
        warm_up=warm_up,
        note=note,
    )


def claim(
    name: str,
    value: float,
    unit: str,
    *,
    floor: float | None = None,
    wanted: Literal["at least", "at most"] = "at least",
) -> Claim:
    """A derived figure, judged against its floor."""
    kept = None if floor is None else (value >= floor if wanted == "at least" else value <= floor)
    return Claim(name=name, value=value, unit=unit, floor=floor, wanted=wanted, kept=kept)


def limit(name: str, amount: int, bytes_per_second: float, measured: float, note: str = "") -> Limit:
    """The physical limit of moving `amount` bytes, and how many times longer `measured` seconds are."""
    seconds = amount / bytes_per_second
    return Limit(
        name=name,
        bytes=amount,
        bytes_per_second=bytes_per_second,
        seconds=seconds,
        distance=measured / seconds,
        note=note,
    )


def processor_seconds(work: Callable[[], object]) -> float:
    """Seconds of processor of the processes that `work` starts, which a busy machine stretches least."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def machine(packages: Sequence[str] = ()) -> Machine:
    """The machine of this run, with the versions of numpy, numba and the given packages."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        packages={name: importlib.metadata.version(name) for name in ("numpy", "numba", *packages)},
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def write(report: Report, path: Path | None = None) -> Path:
    """Write a report as JSON, checked against its schema.

    Args:
        report: what was measured.
        path: the file, or a folder for `<benchmark>.json`; by default `benchmarks/results/`.
    """
    target = RESULTS if path is None else path
    if path is None or path.is_dir():
        target /= f"{report.benchmark}.json"
    encoded = msgspec.json.format(msgspec.json.encode(report), indent=1)
    read(encoded)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(encoded + b"\n")
    return target


def read(encoded: bytes) -> Report:
    """Decode a result file.

    Raises:
        msgspec.ValidationError: it breaks the schema.
    """
    return msgspec.json.decode(encoded, type=Report)


def show(report: Report) -> None:
    """Print a report: measurements, then claims with their floors, then the physical limits."""
    print(f"{report.benchmark}: {report.about}")
    print(f"{report.machine.processor}, {report.machine.cores} cores, seed {report.seed}")
    for one in report.measurements:
        spread = f"{_time(one.lower_quartile)} .. {_time(one.upper_quartile)}"
        print(
            f"  {one.name:<44} {one.who:<8} {_time(one.median):>10}  ({spread}; {one.repeats} x)  {one.note}"
        )
    for figure in report.claims:
        floor = "" if figure.floor is None else f"{figure.wanted} {figure.floor:g}: "
        verdict = {None: "", True: "kept", False: "LOST"}[figure.kept]
        print(f"  {figure.name:<44} {figure.value:10.4g} {figure.unit:<10} {floor}{verdict}")
    for bound in report.limits:
        print(
            f"  {bound.name:<44} {bound.distance:10.2f} x the limit of {_time(bound.seconds)}  {bound.note}"
        )


def _time(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.2f} s"
    return f"{seconds * 1e3:.3f} ms" if seconds >= 1e-4 else f"{seconds * 1e6:.2f} us"


def arguments(description: str | None, *, clocks: bool = False) -> argparse.ArgumentParser:
    """The options every benchmark has; a script may add its own.

    Args:
        description: the docstring of the script.
        clocks: offer a choice of clocks, where all that is measured happens in the process itself.
    """
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=15, help="rounds of the side by side measurement")
    parser.add_argument("--seed", type=int, default=0, help="seed of the made-up input")
    parser.add_argument("--out", type=Path, help="result file, or a folder (default: benchmarks/results)")
    if clocks:
        parser.add_argument(
            "--clock", choices=CLOCKS, default="wall", help="what seconds are (default: wall)"
        )
    return parser
