"""Streams of bytes from and to the host.

The host cannot be asked to stop reading or writing. So who is cancelled while it waits
leaves the operation under way: the next reader takes what it brings, and a stream that is
closed meanwhile is dropped when it has ended.
"""

from __future__ import annotations

import asyncio
from typing import Any

import componentize_py_runtime as runtime
from componentize_py_types import Ok

from . import calls, host

READ_BYTES = 64 * 1024
_COMPLETED, _DROPPED = 0, 1


class _End:
    """An end of a stream, with at most one operation under way."""

    __slots__ = ("_busy", "_closed", "_handle", "_type", "ended")

    def __init__(self, end: Any) -> None:
        end.finalizer.detach()
        self._type, self._handle = end.type_, end.handle
        end.handle = None
        self._busy: asyncio.Future[Any] | None = None
        self._closed = False
        self.ended = False

    def _begin(self, result: Any) -> Any:
        """The outcome, where it is there; else a future of it."""
        if isinstance(result, Ok):
            return result.value
        call = calls.current()
        assert call is not None
        future = self._busy = asyncio.get_running_loop().create_future()
        call.wait(*result.value, self._done)
        return future

    def _done(self, outcome: Any) -> None:
        future, self._busy = self._busy, None
        if outcome[0] == _DROPPED:
            self.ended = True
        if self._closed:
            self._drop()
        if future is not None and not future.done():
            future.set_result(outcome)

    def close(self) -> None:
        """Tells the other end; what is under way comes to its end first."""
        if self._closed:
            return
        self._closed = True
        if self._busy is None:
            self._drop()

    def _drop(self) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        if not self._closed and self._busy is None:
            self._closed = True
            self._drop()


class Reader(_End):
    """The end that bytes come from."""

    __slots__ = ("_left",)

    def __init__(self, end: Any) -> None:
        super().__init__(end)
        self._left = b""

    async def read(self) -> bytes:
        """The bytes that come next; none at the end."""
        if self._left:
            left, self._left = self._left, b""
            return left
        if self.ended or self._closed:
            return b""
        if self._busy is None:
            outcome = self._begin(runtime.stream_read(self._type, self._handle, READ_BYTES))
            if isinstance(outcome, tuple):
                self.ended = outcome[0] == _DROPPED
                return outcome[1] or await self.read()
        else:
            outcome = self._busy
        return (await asyncio.shield(outcome))[1] or await self.read()

    def _done(self, outcome: Any) -> None:
        future = self._busy
        # The one who asked was cancelled: the next one has it.
        if future is not None and not future._callbacks and not self._closed:
            self._left = outcome[1]
        super()._done(outcome)

    def _drop(self) -> None:
        runtime.stream_drop_readable(self._type, self._handle)


class Writer(_End):
    """The end that bytes go to."""

    __slots__ = ()

    async def write(self, data: bytes) -> bool:
        """Writes all of it, at the reader's pace; whether there still is a reader."""
        while data and not self.ended and not self._closed:
            if self._busy is not None:
                await asyncio.shield(self._busy)
                continue
            outcome = self._begin(runtime.stream_write(self._type, self._handle, data))
            if not isinstance(outcome, tuple):
                outcome = await asyncio.shield(outcome)
            if outcome[0] == _DROPPED:
                self.ended = True
            data = data[outcome[1] :]
        return not self.ended and not self._closed

    def _drop(self) -> None:
        runtime.stream_drop_writable(self._type, self._handle)


def pipe() -> tuple[Writer, Any]:
    """A stream of ours: the end to write to, and the one that is handed over."""
    writer, reader = host.byte_stream()
    return Writer(writer), reader
