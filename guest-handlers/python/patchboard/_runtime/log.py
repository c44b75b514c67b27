"""`logging`, `print` and tracebacks, as lines of the server's log.

A line that is logged while a call has its turn has the call's route and request id there.
"""

from __future__ import annotations

import io
import logging
import os
import sys
import traceback
from pathlib import Path
from typing import Any

import aiohttp

from . import host

# The longest line that is kept until its end comes.
_LINE_CHARS = 8 * 1024
# Where our own files are.
_OURS = (str(Path(__file__).parents[1]), str(Path(aiohttp.__file__).parent))
_LEVELS = [(50, "CRITICAL"), (40, "ERROR"), (30, "WARN"), (20, "INFO"), (10, "DEBUG")]


def _level(number: int) -> Any:
    for least, name in _LEVELS:
        if number >= least:
            return getattr(host.LEVELS, name)
    return host.LEVELS.TRACE


class LogStream(io.TextIOBase):
    """What is printed: each line is one of the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = ""
        # Until the component is made there is no host; what is printed then goes to the build.
        self._outside: Any = getattr(sys, name)

    @property
    def name(self) -> str:
        return f"<{self._name}>"

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def begin(self) -> None:
        """From now on there is a host."""
        self._outside = None

    def write(self, text: str) -> int:
        if self._outside is not None:
            return self._outside.write(text)
        lines = (self._begun + text).split("\n")
        self._begun = lines.pop()
        if len(self._begun) > _LINE_CHARS:
            lines.append(self._begun)
            self._begun = ""
        for line in lines:
            host.log(host.LEVELS.INFO, self._name, line)
        return len(text)

    def flush(self) -> None:
        """Nothing: a line is logged when it ends."""


_emit = logging.StreamHandler.emit


def _emit_with_level(handler: logging.StreamHandler[Any], record: logging.LogRecord) -> None:
    """As it was, but with the record's level where the line goes to the server's log."""
    if not isinstance(handler.stream, LogStream) or handler.stream._outside is not None:
        _emit(handler, record)
        return
    try:
        host.log(_level(record.levelno), record.name, handler.format(record))
    except Exception:
        handler.handleError(record)


def shown(error: BaseException) -> str:
    """An error with its traceback, from the application's first line on, and its files by their own names."""
    here = error.__traceback__
    while here is not None and here.tb_frame.f_code.co_filename.startswith(_OURS):
        here = here.tb_next
    # Where none of it is the application's, all of it says more than nothing.
    lines = traceback.format_exception(type(error), error, here or error.__traceback__)
    return "".join(lines).replace(f'File "{os.getcwd()}/', 'File "').rstrip()


def report(message: str, error: BaseException) -> None:
    """Logs an error with its traceback, whatever levels the application has set."""
    text = shown(error)
    host.log(host.LEVELS.ERROR, "aiohttp.server", f"{message}\n{text}")


def install() -> tuple[LogStream, LogStream]:
    """Puts them in the place of what goes to a terminal."""
    streams = LogStream("stdout"), LogStream("stderr")
    sys.stdout, sys.stderr = streams
    logging.StreamHandler.emit = _emit_with_level  # type: ignore[method-assign]
    return streams
