"""What goes wrong, as exceptions. The engine's error codes become classes here and nowhere else."""

from __future__ import annotations


class Error(Exception):
    """A run, or a question about a file, failed. The message names the file or option and what to do.

    `code` is the engine's word for the kind of failure ("failed", "no_space", "out_of_memory", or a subclass's),
    `exit_code` is what the program `millrace` exits with.
    """

    code: str = "failed"
    exit_code: int = 1


class UsageError(Error):
    """Something contradictory or unknown was asked for."""

    code = "usage"
    exit_code = 2


class BadInputError(Error):
    """A file that was named cannot be used as it is."""

    code = "bad_input"
    exit_code = 3


class RefusedError(Error):
    """`strict=True` made an error of a fallback or a loss."""

    code = "refused"
    exit_code = 4


class InterruptedRun(Error):  # noqa: N818  # a stop that was asked for is no error
    """The run was asked to stop. What it finished is kept: the same call goes on from there."""

    code = "interrupted"
    exit_code = 130


_KINDS = (UsageError, BadInputError, RefusedError, InterruptedRun)
_CLASSES: dict[str, type[Error]] = {kind.code: kind for kind in _KINDS}


def from_engine(code: str, message: str, exit_code: int) -> Error:
    """The exception for an error of the engine."""
    error = _CLASSES.get(code, Error)(message)
    error.code, error.exit_code = code, exit_code
    return error
