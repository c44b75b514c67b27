"""A file as a response: of a folder that the operator has granted, or one read at the build."""

from __future__ import annotations

import mimetypes
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from .helpers import ETag
from .typedefs import LooseHeaders
from .web_response import StreamResponse

if TYPE_CHECKING:
    from .web_request import BaseRequest

__all__ = ["FileResponse"]


class FileResponse(StreamResponse):
    """A file, with its conditions and one range."""

    def __init__(
        self, path: Any, chunk_size: int = 256 * 1024, status: int = 200, reason: str | None = None,
        headers: LooseHeaders | None = None,
    ) -> None:
        super().__init__(status=status, reason=reason, headers=headers)
        self._path = os.fspath(path)
        self._chunk_size = min(chunk_size, 1024 * 1024)
        self._rest: tuple[Any, int] | None = None

    async def prepare(self, request: BaseRequest) -> Any:
        if self._eof or self._sink is not None:
            return await super().prepare(request)
        try:
            file = open(self._path, "rb")  # noqa: SIM115 (write_eof closes it)
            state = os.fstat(file.fileno())
        except FileNotFoundError:
            return await self._empty(request, 404)
        except (PermissionError, IsADirectoryError, NotADirectoryError):
            return await self._empty(request, 403)
        size = state.st_size
        if "Content-Type" not in self.headers:
            kind, coding = mimetypes.guess_type(self._path)
            self.headers["Content-Type"] = "application/octet-stream" if kind is None or coding else kind
        self.etag = ETag(f"{state.st_mtime_ns:x}-{size:x}")
        self.last_modified = state.st_mtime
        self.headers.setdefault("Accept-Ranges", "bytes")
        status = self._condition(request, state)
        if status:
            file.close()
            return await self._empty(request, status)
        start, count = 0, size
        if request.headers.get("Range") and self.status == 200 and self._range_holds(request, state):
            try:
                asked = request.http_range
            except ValueError:
                asked = slice(size, None)
            start, end, _ = asked.indices(size)
            if start >= end:
                file.close()
                self.headers["Content-Range"] = f"bytes */{size}"
                return await self._empty(request, 416)
            count = end - start
            self.set_status(206)
            self.headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            file.seek(start)
        self.content_length = count
        self._rest = (file, count)
        return await super().prepare(request)

    @staticmethod
    def _range_holds(request: BaseRequest, state: os.stat_result) -> bool:
        moment = request.if_range
        return moment is None or state.st_mtime <= moment.timestamp()

    def _condition(self, request: BaseRequest, state: os.stat_result) -> int:
        """The status that the request's conditions come to (RFC 9110, section 13.2.2); 0 where they hold."""
        own = self.etag
        assert own is not None
        modified = datetime.fromtimestamp(int(state.st_mtime), timezone.utc)
        if (tags := request.if_match) is not None:
            if not any(tag.value == "*" or (tag == own and not tag.is_weak) for tag in tags):
                return 412
        elif (moment := request.if_unmodified_since) is not None and modified > moment:
            return 412
        if (tags := request.if_none_match) is not None:
            return 304 if any(tag.value in ("*", own.value) for tag in tags) else 0
        if (moment := request.if_modified_since) is not None and modified <= moment:
            return 304
        return 0

    async def _empty(self, request: BaseRequest, status: int) -> Any:
        self.set_status(status)
        if status != 304:
            self.headers.pop("Content-Type", None)
        self.content_length = 0
        return await super().prepare(request)

    async def write_eof(self, data: bytes = b"") -> None:
        if self._rest is not None:
            file, left = self._rest
            self._rest = None
            with file:
                while left > 0 and (piece := file.read(min(left, self._chunk_size))):
                    left -= len(piece)
                    await self.write(piece)
        await super().write_eof(data)
