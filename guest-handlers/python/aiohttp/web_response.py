"""Responses: complete ones, and ones that are written piece by piece."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import formatdate
from enum import Enum
from http import HTTPStatus
from http.cookies import Morsel, SimpleCookie
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

from .helpers import ETag, Keeping, http_date, parameters
from .typedefs import JSONEncoder, LooseHeaders

if TYPE_CHECKING:
    from .web_request import BaseRequest

__all__ = ["ContentCoding", "Response", "StreamResponse", "json_response"]

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


class ContentCoding(Enum):
    """Codings that a response can be compressed by; here that is the server's."""

    deflate = "deflate"
    gzip = "gzip"
    identity = "identity"


class StreamResponse(Keeping):
    """A response whose body is written while it is sent."""

    def __init__(
        self, *, status: int = 200, reason: str | None = None, headers: LooseHeaders | None = None
    ) -> None:
        self._headers: CIMultiDict = CIMultiDict(headers)
        self._cookies: SimpleCookie | None = None
        self._state: dict[str, Any] | None = None
        self._sink: Any = None
        self._request: BaseRequest | None = None
        self._eof = False
        self._length: int | None = None
        self._chunked = False
        self.set_status(status, reason)

    # The head

    @property
    def status(self) -> int:
        return self._status

    @property
    def reason(self) -> str:
        return self._reason

    def set_status(self, status: int, reason: str | None = None) -> None:
        """Sets it. The reason is not sent: HTTP/2 has none, and nothing may depend on it."""
        if self.prepared:
            raise AssertionError("Cannot change the response status code after the headers have been sent")
        self._status = int(status)
        reason = _PHRASES.get(self._status, "") if reason is None else reason
        if "\r" in reason or "\n" in reason:
            raise ValueError("Reason cannot contain \\r or \\n")
        self._reason = reason

    @property
    def headers(self) -> CIMultiDict:
        return self._headers

    @property
    def prepared(self) -> bool:
        return getattr(self, "_sink", None) is not None or getattr(self, "_eof", False)

    @property
    def task(self) -> Any:
        return getattr(self._request, "task", None)

    @property
    def keep_alive(self) -> bool | None:
        return None

    def _body_has_type(self) -> bool:
        """Whether a body without a type is said to be bytes."""
        return self._status not in (204, 304)

    def force_close(self) -> None:
        """Nothing: connections are the server's."""

    @property
    def chunked(self) -> bool:
        return self._chunked

    def enable_chunked_encoding(self) -> None:
        """Notes it; how a body is framed is the server's."""
        if "Content-Length" in self._headers:
            raise RuntimeError("You can't enable chunked encoding when a content length is set")
        self._chunked = True

    @property
    def compression(self) -> bool:
        return False

    def enable_compression(self, force: Any = None, strategy: int | None = None) -> None:
        """Nothing: the server compresses what its configuration says."""

    @property
    def content_length(self) -> int | None:
        return self._length

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        self._length = None if value is None else int(value)

    @property
    def content_type(self) -> str:
        return parameters(self._headers.get("Content-Type") or "application/octet-stream")[0].lower()

    @content_type.setter
    def content_type(self, value: str) -> None:
        self._set_type(str(value), self.charset)

    @property
    def charset(self) -> str | None:
        return parameters(self._headers.get("Content-Type") or "")[1].get("charset")

    @charset.setter
    def charset(self, value: str | None) -> None:
        if self.content_type == "application/octet-stream":
            raise RuntimeError("Setting charset for application/octet-stream doesn't make sense")
        self._set_type(self.content_type, value.lower() if value else None)

    def _set_type(self, kind: str, charset: str | None) -> None:
        self._headers["Content-Type"] = f"{kind}; charset={charset}" if charset else kind

    @property
    def last_modified(self) -> datetime | None:
        return http_date(self._headers.get("Last-Modified"))

    @last_modified.setter
    def last_modified(self, value: datetime | float | str | None) -> None:
        if value is None:
            self._headers.pop("Last-Modified", None)
        elif isinstance(value, (int, float)):
            self._headers["Last-Modified"] = formatdate(int(value), usegmt=True)
        elif isinstance(value, datetime):
            self._headers["Last-Modified"] = formatdate(int(value.timestamp()), usegmt=True)
        else:
            self._headers["Last-Modified"] = value

    @property
    def etag(self) -> ETag | None:
        value = self._headers.get("ETag")
        if not value:
            return None
        return ETag(value.removeprefix("W/").strip('"'), value.startswith("W/"))

    @etag.setter
    def etag(self, value: ETag | str | None) -> None:
        if value is None:
            self._headers.pop("ETag", None)
        elif isinstance(value, str):
            self._headers["ETag"] = f'"{value}"'
        else:
            self._headers["ETag"] = ("W/" if value.is_weak else "") + f'"{value.value}"'

    # Cookies

    @property
    def cookies(self) -> SimpleCookie:
        if self._cookies is None:
            self._cookies = SimpleCookie()
        return self._cookies

    def set_cookie(
        self, name: str, value: str, *, expires: str | None = None, domain: str | None = None,
        max_age: int | str | None = None, path: str = "/", secure: bool | None = None, httponly: bool | None = None,
        samesite: str | None = None, partitioned: bool | None = None,
    ) -> None:
        """Has the client keep a cookie."""
        cookies = self.cookies
        if name in cookies and cookies[name].coded_value == "":
            del cookies[name]
        cookies[name] = value
        morsel: Morsel[str] = cookies[name]
        for key, given in [("expires", expires), ("domain", domain), ("path", path), ("samesite", samesite)]:
            if given is not None:
                morsel[key] = given
        if expires is None and morsel["expires"] == _LONG_AGO:
            del morsel["expires"]
        if max_age is not None:
            morsel["max-age"] = str(max_age)
        elif "max-age" in morsel:
            del morsel["max-age"]
        if secure is not None:
            morsel["secure"] = secure
        if httponly is not None:
            morsel["httponly"] = httponly
        if partitioned is not None:
            morsel["partitioned"] = partitioned

    def del_cookie(
        self, name: str, *, domain: str | None = None, path: str = "/", secure: bool | None = None,
        httponly: bool | None = None, samesite: str | None = None,
    ) -> None:
        """Has the client drop a cookie."""
        self.cookies.pop(name, None)
        self.set_cookie(
            name, "", max_age=0, expires=_LONG_AGO, domain=domain, path=path, secure=secure, httponly=httponly,
            samesite=samesite,
        )

    # The body

    async def prepare(self, request: BaseRequest) -> Any:
        """Sends the head."""
        if self._eof:
            return None
        if self._sink is None:
            self._request = request
            await request._signal_prepare(self)
            self._sink = request._begin_response(self)
        return self._sink

    async def write(self, data: bytes | bytearray | memoryview) -> None:
        """Sends a piece of the body, at the pace of the client."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"data argument must be byte-ish ({type(data)!r})")
        if self._eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._sink is None:
            raise RuntimeError("Cannot call write() before prepare()")
        await self._sink.write(bytes(data))

    async def drain(self) -> None:
        """Nothing: `write` has waited."""

    async def write_eof(self, data: bytes = b"") -> None:
        """Ends the body."""
        if self._eof:
            return
        if self._sink is None:
            raise AssertionError("Response has not been started")
        if data:
            await self._sink.write(bytes(data))
        self._eof = True
        await self._sink.end()

    @property
    def body_length(self) -> int:
        return self._sink.written if self._sink is not None else 0

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._reason} {'eof' if self._eof else 'prepared' if self._sink else 'not prepared'}>"


_LONG_AGO = "Thu, 01 Jan 1970 00:00:00 GMT"


class Response(StreamResponse):
    """A response with all of its body."""

    def __init__(
        self, *, body: Any = None, status: int = 200, reason: str | None = None, text: str | None = None,
        headers: LooseHeaders | None = None, content_type: str | None = None, charset: str | None = None,
        zlib_executor_size: int | None = None, zlib_executor: Any = None,
    ) -> None:
        if body is not None and text is not None:
            raise ValueError("body and text are not allowed together")
        super().__init__(status=status, reason=reason, headers=headers)
        has_type = "Content-Type" in self._headers
        if has_type and (content_type or charset):
            raise ValueError("passing both Content-Type header and content_type or charset params is forbidden")
        if content_type is not None and "charset" in content_type:
            raise ValueError("charset must not be in content_type argument")
        if text is not None:
            if not isinstance(text, str):
                raise TypeError(f"text argument must be str ({type(text)!r})")
            if not has_type:
                self._set_type(content_type or "text/plain", charset or "utf-8")
            self._body: Any = text.encode(self.charset or "utf-8") if has_type or charset else text.encode()
            return
        if content_type is not None:
            self._set_type(content_type, charset)
        elif charset is not None:
            self._set_type("application/octet-stream", charset)
        self.body = body

    @property
    def body(self) -> Any:
        return self._body

    @body.setter
    def body(self, body: Any) -> None:
        if body is None or isinstance(body, bytes):
            self._body = body
            return
        if isinstance(body, (bytearray, memoryview)):
            self._body = bytes(body)
        elif isinstance(body, str):
            self._body = body.encode()
            if "Content-Type" not in self._headers:
                self._set_type("text/plain", "utf-8")
        elif hasattr(body, "_encode"):
            self._body, kind = body._encode()
            self._headers.setdefault("Content-Type", kind)
        elif hasattr(body, "read"):
            data = body.read()
            self._body = data.encode() if isinstance(data, str) else data
        elif hasattr(body, "__aiter__"):
            self._body = body
        else:
            raise ValueError(f"Unsupported body type {type(body)}")

    def _body_has_type(self) -> bool:
        return bool(self._body)

    @property
    def text(self) -> str | None:
        return None if self._body is None else self._body.decode(self.charset or "utf-8")

    @text.setter
    def text(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"text argument must be str ({type(text)!r})")
        if self.content_type == "application/octet-stream":
            self._set_type("text/plain", "utf-8")
        self._body = text.encode(self.charset or "utf-8")

    @property
    def content_length(self) -> int | None:
        if isinstance(self._body, bytes):
            return len(self._body)
        return self._length if self._body is not None else 0

    @content_length.setter
    def content_length(self, value: int | None) -> None:
        raise RuntimeError("Content length is set automatically")

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends the body, and ends it."""
        if self._eof:
            return
        body = self._body
        if body is None:
            await super().write_eof(data)
        elif isinstance(body, bytes):
            await super().write_eof(body)
        else:
            async for piece in body:
                await self.write(piece.encode() if isinstance(piece, str) else piece)
            await super().write_eof()


def json_response(
    data: Any = ..., *, text: str | None = None, body: bytes | None = None, status: int = 200,
    reason: str | None = None, headers: LooseHeaders | None = None, content_type: str = "application/json",
    dumps: JSONEncoder = json.dumps,
) -> Response:
    """A response of JSON."""
    if data is not ...:
        if text or body:
            raise ValueError("only one of data, text, or body should be specified")
        text = dumps(data)
    return Response(
        text=text, body=body, status=status, reason=reason, headers=headers, content_type=content_type
    )
