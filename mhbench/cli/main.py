"""The command `mhbench`: finds the file of a command, and turns every outcome into an exit code.

0 done; 1 done in part; 2 bad input or usage; 3 a gate failed; 70 internal error. Nothing else returns 1.
"""

from __future__ import annotations

import importlib
import keyword
import os
import sys
from typing import Final, NoReturn

import click

from mhbench import __version__
from mhbench.cli.options import say
from mhbench.errors import MhbenchError, MissingExtraError

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells write it
INTERNAL_ERROR: Final = 70  # EX_SOFTWARE of sysexits.h

COMMANDS: Final = {
    "datasets": "what each data set is, its licence, where it comes from, what is needed",
    "doctor": "what of a data set is present and what can be done with it",
    "convert": "raw data set -> HDF5 shards",
    "index": "write the index of a converted data set anew",
    "verify": "check every shard against the index",
    "selfcheck": "compare a conversion with the known counts",
    "heatmaps": "store the heatmaps of shards in another form",
    "import": "COCO keypoint JSON -> shards",
    "export": "shards -> COCO, WebDataset or Hugging Face files",
    "view": "draw one frame: image, skeletons, 3D, top view, heatmaps",
    "protocols": "list protocols, or print one in words",
    "frames": "the frames a protocol expects, and an empty predictions file",
    "translate": "what ROMP, BEV, 4D-Humans or mmpose wrote -> a predictions file",
    "validate": "check a predictions file",
    "evaluate": "score predictions under a protocol",
    "audit": "the same predictions under every convention in use",
    "compare": "two results side by side, with a paired test",
    "leaderboard": "add results, build the page, gate a change",
    "run": "run a model (or the ground truth) over shards",
    "fit": "predicted volumes -> SMPL bodies, as predictions",
    "train": "train a reference model",
    "synth": "write a synthetic raw data set",
    "demo": "synthetic raw data -> shards -> predictions -> report",
}


class _LazyGroup(click.Group):
    """Commands by name; the file of a command is imported only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(_module(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest name where there is no such command."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - needed only here

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with one line each, without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _module(name: str) -> str:
    return f"mhbench.cli.{name}_" if keyword.iskeyword(name) else f"mhbench.cli.{name}"


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="mhbench %(version)s")
def program() -> None:
    """Prepare multi-human 3D pose data sets and score predictions under named protocols.

    \b
    mhbench synth panoptic raw/panoptic
    mhbench convert panoptic --raw raw/panoptic --out shards
    mhbench run gt-heatmaps --data shards/panoptic --out preds.json
    mhbench evaluate preds.json --protocol panoptic/generic --data shards
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with the exit code of contract 5; never shows a user a traceback."""
    try:
        code = program.main(args=arguments, prog_name="mhbench", standalone_mode=False)
        sys.stdout.flush()  # a reader that has gone is noticed here and not at shutdown
        sys.exit(code if isinstance(code, int) else 0)
    except MhbenchError as error:
        sys.exit(_told(error))
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        sys.exit(INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except BrokenPipeError:
        # the reader of our output has gone (`| head`): nothing is wrong
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except ModuleNotFoundError as error:
        if error.name != "torch":  # other extras are imported where they are needed
            sys.exit(_report(error))
        sys.exit(_told(MissingExtraError.of("torch", "models", "this command")))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a report instead of a traceback
        sys.exit(_report(error))


def _told(error: MhbenchError) -> int:
    """Print an error in its three parts, and return its exit code."""
    say(f"error: {error}", err=True)
    return error.exit_code


def _report(error: Exception) -> int:
    """Write the traceback of an internal error to a file, say where, and return the exit code."""
    import platform  # noqa: PLC0415 - needed only here
    import tempfile  # noqa: PLC0415
    import traceback  # noqa: PLC0415

    with tempfile.NamedTemporaryFile(
        "w", prefix="mhbench-error-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(f"mhbench {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
        file.write(f"command: {sys.argv}\n\n{''.join(traceback.format_exception(error))}")
    click.echo(
        f"internal error: {type(error).__name__}: {error}\n"
        f"  this is a fault of mhbench; the report was written to {file.name}\n"
        "  to do:    please open an issue with that file",
        err=True,
    )
    return INTERNAL_ERROR
