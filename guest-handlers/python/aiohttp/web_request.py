"""Requests, as handlers see them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from multidict import CIMultiDict, CIMultiDictProxy, MultiDict, MultiDictProxy
from yarl import URL

from .helpers import ETag, Keeping, http_date, parameters, reify
from .multipart import MultipartReader
from .streams import StreamReader
from .web_exceptions import HTTPBadRequest, HTTPRequestEntityTooLarge

if TYPE_CHECKING:
    from datetime import datetime

    from .web_app import Application
    from .web_response import StreamResponse
    from .web_urldispatcher import UrlMappingMatchInfo

__all__ = ["BaseRequest", "FileField", "HttpVersion", "Request", "RequestPayloadError"]

_FORMS = ("", "application/x-www-form-urlencoded", "multipart/form-data")
# The most fields of a form.
_FIELDS = 10_000


class HttpVersion(NamedTuple):
    """A version of HTTP."""

    major: int
    minor: int


class RequestPayloadError(Exception):
    """The body broke off, or was malformed."""


class FileField(NamedTuple):
    """A file of a form; it is in memory, as `client_max_size` allows."""

    name: str
    filename: str
    file: io.BufferedReader
    content_type: str
    headers: CIMultiDictProxy


class BaseRequest(Keeping):
    """A request; `exchange` is what the host gave of it, and takes the response."""

    def __init__(self, exchange: Any, *, client_max_size: int = 1024**2) -> None:
        self._exchange = exchange
        self._cache: dict[str, Any] = {}
        self._state: dict[str, Any] | None = None
        self._client_max_size = client_max_size
        self._read_bytes: bytes | None = None
        self._post: MultiDictProxy | None = None
        self.method: str = exchange.method

    # What the host said

    @property
    def task(self) -> Any:
        return asyncio.current_task()

    @property
    def loop(self) -> Any:
        return asyncio.get_running_loop()

    @property
    def transport(self) -> Any:
        """Of a connection, which is the server's, only whom it is with."""
        return self._exchange

    @property
    def protocol(self) -> None:
        return None

    @reify
    def version(self) -> HttpVersion:
        return HttpVersion(*self._exchange.version)

    @property
    def secure(self) -> bool:
        return self.scheme == "https"

    @property
    def scheme(self) -> str:
        return self._exchange.scheme

    @reify
    def host(self) -> str:
        return self._exchange.authority or self.headers.get("Host", "")

    @property
    def remote(self) -> str | None:
        peer = self._exchange.get_extra_info("peername")
        return peer[0] if peer else None

    @property
    def forwarded(self) -> tuple[Mapping[str, str], ...]:
        """Nothing: whom the server trusts, it has asked already, as `remote` and `scheme` say."""
        return ()

    @property
    def path_qs(self) -> str:
        return self._exchange.target

    @reify
    def rel_url(self) -> URL:
        return URL(self._exchange.target)

    @reify
    def url(self) -> URL:
        target = URL(self._exchange.target)
        return URL.build(
            scheme=self.scheme, authority=self.host, path=target.raw_path, query_string=target.raw_query_string,
            encoded=True,
        )

    @reify
    def path(self) -> str:
        return self.rel_url.path

    @property
    def raw_path(self) -> str:
        return self._exchange.target

    @property
    def query_string(self) -> str:
        return self.rel_url.query_string

    @reify
    def query(self) -> MultiDictProxy:
        raw = self._exchange.target.partition("?")[2]
        return MultiDictProxy(MultiDict(parse_qsl(raw, keep_blank_values=True) if raw else None))

    @reify
    def headers(self) -> CIMultiDictProxy:
        headers: CIMultiDict = CIMultiDict()
        for name, value in self._exchange.fields():
            text = value.decode("utf-8", "surrogateescape")
            headers._items.append((name.decode(), name.decode().title(), text))
        return CIMultiDictProxy(headers)

    @reify
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((name, bytes(value)) for name, value in self._exchange.fields())

    @reify
    def _type(self) -> tuple[str, dict[str, str]]:
        value = self.headers.get("Content-Type")
        if value is None:
            return "application/octet-stream", {}
        kind, found = parameters(value)
        return kind.lower(), found

    @property
    def content_type(self) -> str:
        return self._type[0]

    @property
    def charset(self) -> str | None:
        return self._type[1].get("charset")

    @property
    def content_length(self) -> int | None:
        value = self.headers.get("Content-Length")
        return int(value) if value is not None else None

    @property
    def keep_alive(self) -> bool:
        return True

    @reify
    def cookies(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for part in "; ".join(self.headers.getall("Cookie", [])).split(";"):
            name, equals, value = part.strip().partition("=")
            if not name:
                continue
            if not equals:
                found.setdefault(name, "")
                continue
            try:
                jar: SimpleCookie = SimpleCookie()
                jar.load(f"{name}={value}")
                found[name] = jar[name].value if name in jar else value
            except CookieError:
                found[name] = value
        return MappingProxyType(found)

    def _date(self, name: str) -> datetime | None:
        return http_date(self.headers.get(name))

    @property
    def if_modified_since(self) -> datetime | None:
        return self._date("If-Modified-Since")

    @property
    def if_unmodified_since(self) -> datetime | None:
        return self._date("If-Unmodified-Since")

    @property
    def if_range(self) -> datetime | None:
        return self._date("If-Range")

    def _tags(self, name: str) -> tuple[ETag, ...] | None:
        value = self.headers.get(name)
        if not value:
            return None
        if value.strip() == "*":
            return (ETag("*"),)
        tags = [tag.strip() for tag in value.split(",")]
        return tuple(ETag(tag.removeprefix("W/").strip('"'), tag.startswith("W/")) for tag in tags if tag)

    @property
    def if_match(self) -> tuple[ETag, ...] | None:
        return self._tags("If-Match")

    @property
    def if_none_match(self) -> tuple[ETag, ...] | None:
        return self._tags("If-None-Match")

    @property
    def http_range(self) -> slice:
        """The range that is asked for; a ValueError where it is none."""
        value = self.headers.get("Range")
        if value is None:
            return slice(None, None, 1)
        first, dash, last = value.removeprefix("bytes=").partition("-")
        if not value.startswith("bytes=") or not dash or not (first or last) or "," in value:
            raise ValueError("range not in acceptable format")
        start, end = (int(first) if first else None), (int(last) if last else None)
        if start is None:
            return slice(-end if end is not None else None, None, 1)
        if end is not None and end < start:
            raise ValueError("start cannot be after end")
        return slice(start, None if end is None else end + 1, 1)

    # The body

    @reify
    def content(self) -> StreamReader:
        return self._exchange.content()

    @property
    def has_body(self) -> bool:
        return self.body_exists

    @property
    def body_exists(self) -> bool:
        return self._exchange.has_body

    @property
    def can_read_body(self) -> bool:
        return self._exchange.has_body and not self.content.at_eof()

    async def release(self) -> None:
        """Passes over what is left of the body."""
        while await self.content.readany():
            pass

    def _too_large(self, size: int) -> HTTPRequestEntityTooLarge:
        return HTTPRequestEntityTooLarge(max_size=self._client_max_size, actual_size=size)

    async def read(self) -> bytes:
        """All of the body, up to `client_max_size`."""
        if self._read_bytes is None:
            most = self._client_max_size
            whole = self._exchange.whole()
            if whole is not None and "content" not in self._cache:
                if most and len(whole) > most:
                    raise self._too_large(len(whole))
                self._read_bytes = whole
                return whole
            pieces, size = [], 0
            while data := await self.content.readany():
                pieces.append(data)
                size += len(data)
                if most and size > most:
                    raise self._too_large(size)
            self._read_bytes = b"".join(pieces)
        return self._read_bytes

    async def text(self) -> str:
        """The body as text."""
        return (await self.read()).decode(self.charset or "utf-8")

    async def json(self, *, loads: Any = json.loads, content_type: str | None = None) -> Any:
        """The body as JSON."""
        return loads(await self.text())

    async def multipart(self) -> MultipartReader:
        """The parts of the body, read as they come, whatever `client_max_size` is."""
        return MultipartReader(self.headers, self.content)

    async def post(self) -> MultiDictProxy:
        """The fields of a form, with its files."""
        if self._post is not None:
            return self._post
        kind = self._type[0] if "Content-Type" in self.headers else ""
        fields: MultiDict = MultiDict()
        if self.method not in ("POST", "PUT", "PATCH", "DELETE", "TRACE") or kind not in _FORMS:
            pass
        elif kind == "multipart/form-data":
            await self._post_parts(fields)
        else:
            data = await self.read()
            if data:
                charset = self.charset or "utf-8"
                try:
                    text = data.rstrip().decode(charset)
                    fields.extend(parse_qsl(text, keep_blank_values=True, encoding=charset, max_num_fields=_FIELDS))
                except LookupError as error:
                    raise HTTPBadRequest(text="unknown charset") from error
        self._post = MultiDictProxy(fields)
        return self._post

    async def _post_parts(self, fields: MultiDict) -> None:
        most, size = self._client_max_size, 0
        reader = await self.multipart()
        while (part := await reader.next()) is not None:
            if isinstance(part, MultipartReader):
                raise ValueError("To decode nested multipart you need to use custom reader")
            if len(fields) >= _FIELDS:
                raise HTTPBadRequest(text="the form has too many fields")
            name, pieces = part.name or "", []
            while data := await part.read_chunk(64 * 1024):
                size += len(data)
                if most and size > most:
                    raise self._too_large(size)
                pieces.append(data)
            content = part.decode(b"".join(pieces))
            if part.filename is not None:
                kind = parameters(part.headers.get("Content-Type", "application/octet-stream"))[0]
                file = io.BufferedReader(io.BytesIO(content))  # type: ignore[arg-type]
                fields.add(name, FileField(name, part.filename, file, kind, part.headers))
            elif part.headers.get("Content-Type") is None or part.headers["Content-Type"].startswith("text/"):
                fields.add(name, content.decode(part.get_charset("utf-8")))
            else:
                fields.add(name, bytearray(content))

    # The response

    def _begin_response(self, response: StreamResponse) -> Any:
        return self._exchange.begin(response)

    async def _signal_prepare(self, response: StreamResponse) -> None:
        """Lets the application have a last look at a head."""


class Request(BaseRequest):
    """A request that an application answers."""

    def __init__(self, exchange: Any, match_info: UrlMappingMatchInfo, *, client_max_size: int = 1024**2) -> None:
        super().__init__(exchange, client_max_size=client_max_size)
        self._match_info = match_info

    @property
    def match_info(self) -> UrlMappingMatchInfo:
        return self._match_info

    @property
    def app(self) -> Application:
        return self._match_info.current_app

    @property
    def config_dict(self) -> Any:
        from collections import ChainMap

        return ChainMap(*[app._state for app in reversed(self._match_info.apps)])

    async def _signal_prepare(self, response: StreamResponse) -> None:
        for app in self._match_info.apps:
            for receiver in app.on_response_prepare:
                await receiver(self, response)

    def clone(
        self, *, method: str = ..., rel_url: Any = ..., headers: Any = ..., scheme: str = ..., host: str = ...,
        remote: str = ..., client_max_size: int = ...,
    ) -> Request:
        """Another one, with some of it changed."""
        other = Request(
            self._exchange, self._match_info,
            client_max_size=self._client_max_size if client_max_size is ... else client_max_size,
        )
        other._state, other._read_bytes = self._state, self._read_bytes
        if "content" in self._cache:
            other._cache["content"] = self._cache["content"]
        if method is not ...:
            other.method = method
        if rel_url is not ...:
            other._cache["rel_url"] = URL(rel_url)
            other._cache["query"] = URL(rel_url).query
        if headers is not ...:
            other._cache["headers"] = CIMultiDictProxy(CIMultiDict(headers))
        if host is not ...:
            other._cache["host"] = host
        return other

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path} >"
