"""The command line: each command parses, calls the function of its name, and prints.

A failure is one line on stderr and an exit code. It is 2 if nothing could start or everything failed, 1 if a part of a
batch failed or `inspect` found what `prepare` refuses, and 130 after Ctrl-C.
"""

import io
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names that the terminal's encoding lacks end no command
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on the arguments (default: the process's own) and return the exit code."""
    import warnings

    import typer

    from terrazzo.cli.app import command
    from terrazzo.errors import TerrazzoError

    warnings.filterwarnings("ignore", module="PIL")  # remarks on odd metadata; what cannot be read is an error of ours
    try:
        code = command().main(list(arguments) if arguments is not None else None, "terrazzo", standalone_mode=False)
    except TerrazzoError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("stopped by Ctrl-C; nothing half-written was left", 130)
    except typer.Abort:
        return _fail("stopped", 130)
    except MemoryError:
        return _fail("out of memory; use a smaller --batch-size, --window or image", 2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}; check the path, its permissions and the free space", 2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # what click's errors have, and typer's own copies of them
            raise
        return _fail(_parsing_line(error), 2)
    return code if isinstance(code, int) else 0


def _parsing_line(error: Exception) -> str:
    message = str(getattr(error, "format_message", error.__str__)()).replace("\n", " ").strip()
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "terrazzo"
    return f"{message.rstrip('.')}. See `{path} --help`." if message else f"See `{path} --help`."


def _fail(message: str, code: int) -> int:
    from terrazzo.cli.output import error_line

    error_line(message)
    return code
