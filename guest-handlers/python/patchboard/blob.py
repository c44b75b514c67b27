"""Folders of objects that the operator has granted: `blob` in patchboard.toml.

    files = blob.open("uploads")
    await files.put("a.txt", b"some text")
    async with await files.get("a.txt") as found:
        text = await found.read()
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any, NamedTuple, Self

from ._runtime import host

try:
    from wit_world import result_unit_unit_future
    from wit_world.imports import blob as imported
    from wit_world.imports import blob_types as types
except ImportError:
    imported = types = None  # type: ignore[assignment]

__all__ = ["Error", "Folder", "Metadata", "NotFoundError", "Object", "open"]


class Error(Exception):
    """An operation has failed; the text says why."""


class NotFoundError(Error):
    """There is no object of this name."""


class Metadata(NamedTuple):
    """What is known of an object: its length, its entity tag, and when it was put, in nanoseconds since 1970."""

    size: int
    etag: str
    last_modified: int


def _error(error: Any) -> Error:
    kind = type(error).__name__.removeprefix("Error_")
    if kind == "NotFound":
        return NotFoundError("there is no such object")
    texts = {"ReadOnly": "the folder was granted for reading only", "Incomplete": "the content was given up"}
    return Error(texts.get(kind) or str(getattr(error, "value", kind)))


def _metadata(of: Any) -> Metadata:
    return Metadata(of.size, of.etag, of.last_modified)


class Object:
    """An object that is being read."""

    def __init__(self, own: Any) -> None:
        from ._runtime.streams import Reader

        self.metadata, self.length = _metadata(own.metadata), own.length
        self._reader, self._complete = Reader(own.content), own.complete
        self._ends: Any = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        from ._runtime import calls

        while data := await self._reader.read():
            yield data
        if self._ends is None:
            self._ends = calls.spawn(self._complete.read())
        outcome = await asyncio.shield(self._ends)
        if isinstance(outcome, host.Err):
            raise _error(outcome.value)

    async def read(self) -> bytes:
        """All of it that is left."""
        return b"".join([data async for data in self])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        self._reader.close()


class Folder:
    """A folder of objects, each of which is replaced as a whole."""

    def __init__(self, name: str) -> None:
        if imported is None:
            raise RuntimeError("a folder is there in a handler only, while it answers a request")
        try:
            self._folder = imported.Folder.open(name)
        except host.Err as error:
            raise _error(error.value) from None

    async def put(self, name: str, content: bytes | AsyncIterable[bytes]) -> Metadata:
        """Puts an object, in place of the one that has the name; it is there when this returns."""
        from ._runtime import calls
        from ._runtime.streams import pipe

        writer, reader = pipe()
        done, complete = result_unit_unit_future(lambda: host.Err(None))
        put = calls.spawn(self._put(name, reader, complete))
        try:
            if isinstance(content, bytes):
                await writer.write(content)
            else:
                async for piece in content:
                    if not await writer.write(piece):
                        break
            outcome = host.Ok(None)
        except BaseException:
            outcome = host.Err(None)
            raise
        finally:
            writer.close()
            calls.spawn(done.write(outcome))
        stored = await asyncio.shield(put)
        if isinstance(stored, Error):
            raise stored
        return stored

    async def _put(self, name: str, reader: Any, complete: Any) -> Metadata | Error:
        try:
            return _metadata(await self._folder.put(name, reader, complete))
        except host.Err as error:
            return _error(error.value)

    async def get(self, name: str, offset: int | None = None, length: int | None = None) -> Object:
        """Opens an object to be read, whole or in part."""
        part = None if offset is None and length is None else types.Range(offset or 0, length)
        try:
            return Object(await self._folder.get(name, part))
        except host.Err as error:
            raise _error(error.value) from None

    async def head(self, name: str) -> Metadata:
        """What is known of an object."""
        try:
            return _metadata(await self._folder.head(name))
        except host.Err as error:
            raise _error(error.value) from None

    async def delete(self, name: str) -> bool:
        """Deletes an object; whether there was one."""
        try:
            return await self._folder.delete(name)
        except host.Err as error:
            raise _error(error.value) from None

    async def list(self, prefix: str = "") -> AsyncIterator[tuple[str, Metadata]]:
        """The objects whose names begin so, page by page."""
        cursor = None
        while True:
            try:
                page = await self._folder.list(prefix, cursor)
            except host.Err as error:
                raise _error(error.value) from None
            for entry in page.entries:
                yield entry.name, _metadata(entry.metadata)
            cursor = page.cursor
            if cursor is None:
                return


def open(name: str) -> Folder:  # noqa: A001 (what else)
    """The folder that is granted under this name."""
    return Folder(name)
