"""Runs a command line: exit codes, and errors as sentences."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import TyperException

from scheduler.cli import commands  # noqa: F401  # importing registers them
from scheduler.cli.app import app
from storage.model import UptakeError, UsageError


def run(argv: list[str]) -> int:
    """Run the arguments and give the exit code."""

    try:
        result = app(args=_config_first(argv), prog_name="uptake", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except UsageError as error:
        return _tell(str(error), 2)
    except UptakeError as error:
        return _tell(str(error), 1)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        if error.exit_code == 2 and not argv:  # help was all that was wanted
            typer.echo(error.format_message())
            return 2
        return _tell(f"{error.format_message()} See `{context.command_path if context else 'uptake'} --help`.", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _tell("stopped", 130)
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        return _tell(f"{error.filename or 'the system'}: {error.strerror or error}", 1)


def _tell(message: str, code: int) -> int:
    typer.echo(f"uptake: {message}", err=True)
    return code


def _config_first(argv: list[str]) -> list[str]:
    """Let --config, --verbose and --log-json stand anywhere on the line."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(argv)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--config":
            front += [word, *([value] if (value := next(words, None)) is not None else [])]
        elif word.startswith("--config=") or word in {"--verbose", "--log-json"}:
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest]
