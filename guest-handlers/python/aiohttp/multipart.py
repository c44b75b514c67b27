"""Bodies of several parts (RFC 2046, RFC 7578), read as they come."""

from __future__ import annotations

import base64
import json
import quopri
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, unquote

from multidict import CIMultiDict, CIMultiDictProxy

from .helpers import parameters
from .streams import StreamReader

__all__ = ["BodyPartReader", "MultipartReader", "content_disposition_filename", "parse_content_disposition"]

# The most that the head of a part may have.
_HEAD_BYTES = 32 * 1024
_CHUNK_BYTES = 8192
# The longest line of a part.
_LINE_BYTES = 128 * 1024


def parse_content_disposition(header: str | None) -> tuple[str | None, dict[str, str]]:
    """The kind and the parameters of a `Content-Disposition`."""
    if not header:
        return None, {}
    kind, found = parameters(header)
    return kind.lower(), found


def content_disposition_filename(params: dict[str, str], name: str = "filename") -> str | None:
    """The name of a file, where it has one."""
    extended = params.get(name + "*")
    if extended and extended.count("'") >= 2:
        charset, _, value = extended.split("'", 2)
        try:
            return unquote(value, charset or "utf-8", "strict")
        except (LookupError, UnicodeDecodeError):
            return None
    value = params.get(name)
    return unquote(value) if value is not None and "%" in value else value


class BodyPartReader:
    """One part."""

    chunk_size = _CHUNK_BYTES

    def __init__(self, of: MultipartReader, headers: CIMultiDictProxy) -> None:
        self._of = of
        self.headers = headers
        self._ended = False
        # What was read for a line, and is behind it.
        self._left = b""
        self._disposition, self._parameters = parse_content_disposition(headers.get("Content-Disposition"))

    @property
    def name(self) -> str | None:
        return content_disposition_filename(self._parameters, "name")

    @property
    def filename(self) -> str | None:
        return content_disposition_filename(self._parameters)

    def at_eof(self) -> bool:
        return self._ended and not self._left

    async def _next(self, most: int) -> bytes:
        if self._left:
            data, self._left = self._left[:most], self._left[most:]
            return data
        data = b"" if self._ended else await self._of._content_of_part(most)
        self._ended = not data
        return data

    async def read_chunk(self, size: int = _CHUNK_BYTES) -> bytes:
        """Some of it, of the size that is asked for but at the end; nothing after that."""
        pieces: list[bytes] = []
        left = size
        while left > 0 and (data := await self._next(left)):
            pieces.append(data)
            left -= len(data)
        return b"".join(pieces)

    async def read(self, *, decode: bool = False) -> bytes:
        """All of it."""
        pieces = []
        while data := await self.read_chunk(self.chunk_size):
            pieces.append(data)
        data = b"".join(pieces)
        return self.decode(data) if decode else data

    async def readline(self) -> bytes:
        """A line of it, or as much as is taken for one."""
        begun, searched = b"", 0
        while (end := begun.find(b"\n", searched)) < 0 and len(begun) < _LINE_BYTES:
            searched = len(begun)
            data = await self._next(_CHUNK_BYTES)
            if not data:
                return begun
            begun += data
        cut = end + 1 if end >= 0 else len(begun)
        self._left = begun[cut:] + self._left
        return begun[:cut]

    async def release(self) -> None:
        """Passes over what is left of it."""
        while await self.read_chunk(self.chunk_size):
            pass

    async def text(self, *, encoding: str | None = None) -> str:
        data = await self.read(decode=True)
        return data.decode(encoding or self.get_charset("utf-8"))

    async def json(self, *, encoding: str | None = None) -> Any:
        data = await self.text(encoding=encoding)
        return json.loads(data) if data else None

    async def form(self, *, encoding: str | None = None) -> list[tuple[str, str]]:
        text = await self.text(encoding=encoding)
        return parse_qsl(text.rstrip(), keep_blank_values=True)

    def get_charset(self, default: str) -> str:
        return parameters(self.headers.get("Content-Type", ""))[1].get("charset", default)

    def decode(self, data: bytes) -> bytes:
        """Undoes the coding that the part names."""
        coding = self.headers.get("Content-Transfer-Encoding", "").lower()
        if coding == "base64":
            return base64.b64decode(data)
        if coding == "quoted-printable":
            return quopri.decodestring(data)
        if coding in ("", "binary", "8bit", "7bit"):
            return data
        raise RuntimeError(f"unknown content transfer encoding: {coding}")


class MultipartReader:
    """The parts of a body, one after the other."""

    def __init__(self, headers: Any, content: StreamReader) -> None:
        self.headers = headers
        kind, found = parameters(headers.get("Content-Type", ""))
        if not kind.lower().startswith("multipart/"):
            raise ValueError(f"multipart/* content type expected, this is {kind or 'none'}")
        boundary = found.get("boundary")
        if not boundary:
            raise ValueError(f"boundary missed for Content-Type: {headers.get('Content-Type')}")
        if len(boundary) > 70:
            raise ValueError(f"boundary {boundary!r} is too long (70 chars max)")
        self._delimiter = b"\r\n--" + boundary.encode()
        self._content = content
        # The first delimiter may be without a line's end before it.
        self._buffer = b"\r\n"
        self._part: BodyPartReader | MultipartReader | None = None
        self._is_in_part = False
        self._ended = False

    def at_eof(self) -> bool:
        return self._ended

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._parts()

    async def _parts(self) -> AsyncIterator[Any]:
        while (part := await self.next()) is not None:
            yield part

    async def _fill(self) -> None:
        data = await self._content.readany()
        if not data:
            self._ended = True
            raise ValueError("Could not find the end of the multipart body: it breaks off")
        self._buffer += data

    async def _content_of_part(self, most: int) -> bytes:
        """Bytes up to the next delimiter; none at it."""
        while self._is_in_part:
            found = self._buffer.find(self._delimiter)
            end = found if found >= 0 else len(self._buffer) - len(self._delimiter) + 1
            if end > 0:
                end = min(end, most)
                data, self._buffer = self._buffer[:end], self._buffer[end:]
                return data
            if found == 0:
                self._buffer = self._buffer[len(self._delimiter) :]
                self._is_in_part = False
                break
            await self._fill()
        return b""

    async def next(self) -> Any:
        """The next part, or none after the last one; what is left of the one before is passed over."""
        if self._ended:
            return None
        if isinstance(self._part, MultipartReader):
            await self._part.release()
        if self._part is None:
            # What is before the first delimiter is for readers that know no parts.
            self._is_in_part = True
        while self._is_in_part:
            await self._content_of_part(64 * 1024)
        while len(self._buffer) < 2:
            await self._fill()
        if self._buffer.startswith(b"--"):
            self._ended = True
            return None
        headers = await self._head()
        self._is_in_part = True
        part: BodyPartReader | MultipartReader
        if headers.get("Content-Type", "").lower().startswith("multipart/"):
            inner = BodyPartReader(self, headers)
            part = MultipartReader(headers, StreamReader(lambda: inner.read_chunk(64 * 1024)))
        else:
            part = BodyPartReader(self, headers)
        self._part = part
        return part

    async def _head(self) -> CIMultiDictProxy:
        while (line_end := self._buffer.find(b"\r\n")) < 0:
            if len(self._buffer) > 1024:
                raise ValueError("Invalid boundary")
            await self._fill()
        # After the delimiter there may be spaces.
        self._buffer = self._buffer[line_end:]
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            if len(self._buffer) > _HEAD_BYTES:
                raise ValueError("the head of a part is too long")
            await self._fill()
        head, self._buffer = self._buffer[2:end] if end else b"", self._buffer[end + 4 :]
        # An empty head ends where it begins: what follows is content already.
        headers: CIMultiDict = CIMultiDict()
        for line in head.split(b"\r\n") if head else []:
            name, colon, value = line.decode("utf-8", "surrogateescape").partition(":")
            if not colon:
                raise ValueError("a field of a part has no colon")
            headers.add(name.strip(), value.strip())
        return CIMultiDictProxy(headers)

    async def release(self) -> None:
        """Passes over what is left."""
        while (part := await self.next()) is not None:
            await part.release()
