"""A body as it comes: what `request.content` and `response.content` are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

__all__ = ["EMPTY_PAYLOAD", "EofStream", "StreamReader"]

# The longest line that is waited for.
_LINE_BYTES = 128 * 1024

Source = Callable[[], Awaitable[bytes]]


class EofStream(Exception):
    """There is nothing left."""


class StreamReader:
    """Bytes that come piece by piece; `source` gives the next ones, and none at the end."""

    def __init__(self, source: Source | None, start: bytes = b"") -> None:
        self._source = source
        self._buffer = start
        self._exception: BaseException | None = None
        self.total_bytes = len(start)

    def __repr__(self) -> str:
        return f"<StreamReader {len(self._buffer)} bytes{' eof' if self._source is None else ''}>"

    def exception(self) -> BaseException | None:
        return self._exception

    def set_exception(self, exc: BaseException, exc_cause: BaseException | None = None) -> None:
        self._exception = exc

    def is_eof(self) -> bool:
        return self._source is None

    def at_eof(self) -> bool:
        return self._source is None and not self._buffer

    async def wait_eof(self) -> None:
        """Waits for the end; what comes until then is kept."""
        self._buffer = await self.read()

    async def _fill(self) -> bool:
        """Takes what comes next; whether anything did."""
        if self._exception is not None:
            raise self._exception
        if self._source is None:
            return False
        try:
            data = await self._source()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self._exception = error
            raise
        if not data:
            self._source = None
            return False
        self.total_bytes += len(data)
        self._buffer = self._buffer + data if self._buffer else data
        return True

    def _take(self, count: int) -> bytes:
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes, as soon as there are any; without a number, all of them."""
        if n == 0:
            return b""
        if n < 0:
            pieces = [self._take(len(self._buffer))]
            while await self._fill():
                pieces.append(self._take(len(self._buffer)))
            return b"".join(pieces)
        if not self._buffer:
            await self._fill()
        return self._take(n)

    async def readany(self) -> bytes:
        """What is there, as soon as there is anything."""
        if not self._buffer:
            await self._fill()
        return self._take(len(self._buffer))

    async def readchunk(self) -> tuple[bytes, bool]:
        """Likewise; how it was framed is not known here."""
        data = await self.readany()
        return data, bool(data)

    async def readexactly(self, n: int) -> bytes:
        while len(self._buffer) < n:
            if not await self._fill():
                partial = self._take(len(self._buffer))
                raise asyncio.IncompleteReadError(partial, n)
        return self._take(n)

    async def readuntil(self, separator: bytes = b"\n", *, max_line_length: int | None = None) -> bytes:
        """Up to a separator, which is part of it, or to the end."""
        if not separator:
            raise ValueError("Separator should be at least one-byte string")
        start, longest = 0, max_line_length or _LINE_BYTES
        while True:
            found = self._buffer.find(separator, start)
            if found >= 0:
                if found + len(separator) > longest:
                    raise ValueError("Chunk too big")
                return self._take(found + len(separator))
            if len(self._buffer) > longest:
                raise ValueError("Chunk too big")
            start = max(0, len(self._buffer) - len(separator) + 1)
            if not await self._fill():
                return self._take(len(self._buffer))

    async def readline(self, *, max_line_length: int | None = None) -> bytes:
        return await self.readuntil(max_line_length=max_line_length)

    def read_nowait(self, n: int = -1) -> bytes:
        if self._exception is not None:
            raise self._exception
        return self._take(len(self._buffer) if n < 0 else n)

    async def _iterate(self, read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
        while data := await read():
            yield data

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._iterate(self.readline)

    def iter_any(self) -> AsyncIterator[bytes]:
        return self._iterate(self.readany)

    def iter_chunked(self, n: int) -> AsyncIterator[bytes]:
        return self._iterate(lambda: self.read(n))

    async def iter_chunks(self) -> AsyncIterator[tuple[bytes, bool]]:
        async for data in self.iter_any():
            yield data, True


def EMPTY_PAYLOAD() -> StreamReader:  # noqa: N802 (aiohttp's name is a constant)
    """One with nothing in it."""
    return StreamReader(None)
