"""How long a user waits before anything happens: --help, importing the package, and what evaluate imports.

Each is a fresh process; the interpreter alone is measured beside them. The floors are 150 ms for --help and
600 ms for the start of an evaluation.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from measuring import Contender, Report, arguments, claim, machine, measure, show, write

COMMANDS = {
    "mhbench --help": ["-m", "mhbench", "--help"],
    "mhbench evaluate --help": ["-m", "mhbench", "evaluate", "--help"],
    "import mhbench": ["-c", "import mhbench"],
    "import mhbench.evaluation.pipeline": ["-c", "import mhbench.evaluation.pipeline"],
    # a protocol is found and the missing file is named: all that happens before the first byte is read
    "mhbench evaluate, no file": ["-m", "mhbench", "evaluate", "none.json", "--protocol", "panoptic/generic"],
}
INTERPRETER = "the interpreter alone"


def run(words: list[str]) -> None:
    """Start a fresh interpreter."""
    subprocess.run([sys.executable, *words], capture_output=True, check=False)


def main() -> None:
    options = arguments(__doc__).parse_args()
    contenders = {name: Contender(partial(run, words)) for name, words in COMMANDS.items()}
    contenders[INTERPRETER] = Contender(partial(run, ["-c", "pass"]), who="machine")
    measured = measure(contenders, repeats=options.repeats)
    bare = measured[INTERPRETER].median
    report = Report(
        benchmark="startup",
        about="fresh processes, from their start to their end",
        seed=options.seed,
        settings={},
        machine=machine(["numba", "click"]),
        measurements=list(measured.values()),
        claims=[
            claim("--help", 1e3 * measured["mhbench --help"].median, "ms", floor=150, wanted="at most"),
            claim(
                "start of an evaluation",
                1e3 * measured["mhbench evaluate, no file"].median,
                "ms",
                floor=600,
                wanted="at most",
            ),
            claim("import mhbench, above python", 1e3 * (measured["import mhbench"].median - bare), "ms"),
        ],
    )
    show(report)
    write(report, options.out)


if __name__ == "__main__":
    main()
