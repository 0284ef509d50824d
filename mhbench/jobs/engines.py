"""Engines: who runs the calls. In this process, in worker processes, on a Dask or on a Ray cluster.

Each engine is a context that gives a function `run(calls)`, which returns when all are done, raises what a
call raised, or raises `WorkerDiedError`. Workers have one BLAS and one numba thread each: last bits depend on
the number of threads, and the workers fill the cores already. The serial engine cannot change libraries that
are loaded.
"""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from mhbench.errors import MissingExtraError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Calls = Sequence[Callable[[], None]]
    Run = Callable[[Calls], None]

ONE_THREAD: Final = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "NUMBA_NUM_THREADS",
    ),
    "1",
)


_WATCH_INTERVAL_S: Final = 0.5


class WorkerDiedError(Exception):
    """A worker process died (killed, out of memory, segmentation fault); other calls may not have run."""


def engine(name: str, jobs: int, scheduler: str | None = None) -> AbstractContextManager[Run]:
    """The engine of a name.

    Args:
        name: `serial`, `processes`, `dask` or `ray`.
        jobs: number of workers; on a cluster of the user's own it is the cluster that decides.
        scheduler: address of a running Dask or Ray cluster; by default one is started on this machine.

    Raises:
        UsageError: there is no such engine, or it has no scheduler.
        MissingExtraError: Dask or Ray is not installed.
    """
    if name not in _ENGINES:
        raise UsageError(
            f"there is no engine {name!r}",
            expected=f"one of: {', '.join(_ENGINES)}",
            action="check the spelling",
        )
    if scheduler is not None and name not in {"dask", "ray"}:
        raise UsageError(
            f"the engine {name} has no scheduler",
            expected="a scheduler with the engine dask or ray only",
            action="add --engine dask or --engine ray, or leave --scheduler out",
        )
    return _ENGINES[name](jobs, scheduler)


@contextmanager
def _serial(_jobs: int, _scheduler: str | None) -> Iterator[Run]:
    def run(calls: Calls) -> None:
        for call in calls:
            call()

    yield run


@contextmanager
def _processes(jobs: int, _scheduler: str | None) -> Iterator[Run]:
    from joblib.externals.loky import ProcessPoolExecutor  # noqa: PLC0415 - not needed to run in this process

    def run(calls: Calls) -> None:
        # A pool of its own for every round: after a death nothing of the old one can be trusted.
        pool = ProcessPoolExecutor(
            max_workers=max(1, min(jobs, len(calls))),
            env=ONE_THREAD,
            initializer=_leave_with,
            initargs=(os.getpid(),),
        )
        futures = [pool.submit(_call_for, os.getpid(), call) for call in calls]
        try:
            for future in as_completed(futures):
                future.result()
        except BrokenProcessPool as error:
            pool.shutdown(kill_workers=True)
            raise WorkerDiedError(str(error)) from error
        except Exception:
            # what runs may finish its item: killing workers in the middle upsets the pool's own thread
            for future in futures:
                future.cancel()
            pool.shutdown()
            raise
        except BaseException:
            pool.shutdown(kill_workers=True)  # the user does not want to wait
            raise
        pool.shutdown()

    yield run


def _leave_with(owner: int) -> None:
    """In a worker: end when the program has ended, even if it was killed and could tell nobody."""

    def watch() -> None:
        while os.getppid() == owner:
            time.sleep(_WATCH_INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _call_for(owner: int, call: Callable[[], None]) -> None:
    if os.getppid() == owner:  # else nobody waits for it, and the next run may be doing the same already
        call()


@contextmanager
def _dask(jobs: int, scheduler: str | None) -> Iterator[Run]:
    try:
        import dask  # noqa: PLC0415 - an extra
        import distributed  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError.of("distributed", "dask", "the engine dask") from error
    settings = {
        "distributed.scheduler.allowed-failures": 0,  # the second attempt of an item is ours, and alone
        "distributed.nanny.pre-spawn-environ": ONE_THREAD,
    }
    library: Any = distributed  # its functions are typed in part only
    with dask.config.set(settings), ExitStack() as opened:
        cluster = scheduler or opened.enter_context(
            library.LocalCluster(n_workers=jobs, threads_per_worker=1, dashboard_address=None)
        )
        client = opened.enter_context(library.Client(cluster))

        def run(calls: Calls) -> None:
            # Not through joblib: its Dask backend waits for ever for a task whose worker was killed.
            futures = [client.submit(call, pure=False) for call in calls]
            died = None
            for future in library.as_completed(futures):
                try:
                    future.result()
                except library.KilledWorker as error:
                    died = error  # the other workers live and finish the rest
            if died is not None:
                raise WorkerDiedError(str(died)) from died

        yield run


@contextmanager
def _ray(jobs: int, scheduler: str | None) -> Iterator[Run]:
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError.of("ray", "ray", "the engine ray") from error
    resources: dict[str, Any] = {"address": scheduler} if scheduler else {"num_cpus": jobs}
    ray.init(runtime_env={"env_vars": ONE_THREAD}, log_to_driver=False, include_dashboard=False, **resources)

    def run(calls: Calls) -> None:
        task = ray.remote(num_cpus=1, max_retries=0)(_call)
        waiting = [task.remote(call) for call in calls]
        died = None
        while waiting:
            ready, waiting = ray.wait(waiting)
            try:
                ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            except ray.exceptions.RayError as error:
                died = error
        if died is not None:
            raise WorkerDiedError(str(died)) from died

    try:
        yield run
    finally:
        ray.shutdown()


def _call(call: Callable[[], None]) -> None:
    call()


_ENGINES: Final = {"serial": _serial, "processes": _processes, "dask": _dask, "ray": _ray}
