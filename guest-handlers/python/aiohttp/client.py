"""Requests to other servers, of origins that the operator has granted."""

from __future__ import annotations

import asyncio
import json as json_module
from collections.abc import AsyncIterable, Generator, Iterable, Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from types import TracebackType
from typing import Any, NamedTuple, Self

from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from .client_exceptions import (
    ClientConnectionError, ClientPayloadError, ClientResponseError, ContentTypeError, InvalidURL,
    NonHttpUrlClientError, TooManyRedirects,
)
from .formdata import FormData
from .helpers import BasicAuth, parameters
from .streams import StreamReader
from .typedefs import LooseHeaders, StrOrURL

__all__ = ["BaseConnector", "ClientRequest", "ClientResponse", "ClientSession", "ClientTimeout", "CookieJar", "DummyCookieJar", "RequestInfo", "TCPConnector", "request"]

_REDIRECTS = (301, 302, 303, 307, 308)


class ClientTimeout(NamedTuple):
    """How long may be waited, in seconds."""

    total: float | None = None
    connect: float | None = None
    sock_read: float | None = None
    sock_connect: float | None = None
    ceil_threshold: float = 5


DEFAULT_TIMEOUT = ClientTimeout(total=5 * 60, sock_connect=30)


class RequestInfo(NamedTuple):
    """What was asked."""

    url: URL
    method: str
    headers: CIMultiDictProxy
    real_url: URL


class BaseConnector:
    """Accepted, and not asked: connections are the server's."""

    def __init__(self, **_: Any) -> None:
        self.closed = False

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


class TCPConnector(BaseConnector):
    """Likewise."""


class CookieJar:
    """Cookies that were given, by host; no more of their rules than that."""

    _MOST = 256

    def __init__(self, **_: Any) -> None:
        self._cookies: dict[str, dict[str, str]] = {}

    def update_cookies(self, cookies: Any, response_url: URL = URL()) -> None:
        own = self._cookies.setdefault(response_url.host or "", {})
        for name, value in cookies.items():
            if len(own) < self._MOST or name in own:
                own[name] = getattr(value, "value", value)

    def filter_cookies(self, request_url: URL = URL()) -> dict[str, str]:
        return {**self._cookies.get("", {}), **self._cookies.get(request_url.host or "", {})}

    def clear(self, predicate: Any = None) -> None:
        self._cookies.clear()

    def __len__(self) -> int:
        return sum(map(len, self._cookies.values()))


class DummyCookieJar(CookieJar):
    """One that keeps none."""

    def update_cookies(self, cookies: Any, response_url: URL = URL()) -> None:
        """Nothing."""


class ClientResponse:
    """What came back."""

    def __init__(self, method: str, url: URL, sent: CIMultiDict, raw: Any, history: tuple[ClientResponse, ...]) -> None:
        self.method = method
        self._url = url
        self._raw = raw
        self._history = history
        self._sent = CIMultiDictProxy(sent)
        self._body: bytes | None = None
        self._headers: CIMultiDictProxy | None = None
        self._content: StreamReader | None = None
        self._closed = False
        self.status: int = raw.status
        self.reason = HTTPStatus(raw.status).phrase if raw.status in HTTPStatus._value2member_map_ else ""
        self.version = (1, 1)

    def __repr__(self) -> str:
        return f"<ClientResponse({self._url}) [{self.status} {self.reason}]>\n{self.headers}"

    @property
    def url(self) -> URL:
        return self._url.with_fragment(None)

    real_url = property(lambda self: self._url)

    @property
    def host(self) -> str:
        return self._url.host or ""

    @property
    def history(self) -> tuple[ClientResponse, ...]:
        return self._history

    @property
    def request_info(self) -> RequestInfo:
        return RequestInfo(self.url, self.method, self._sent, self._url)

    @property
    def headers(self) -> CIMultiDictProxy:
        if self._headers is None:
            headers: CIMultiDict = CIMultiDict()
            for name, value in self._raw.fields():
                headers.add(name.decode().title(), value.decode("utf-8", "surrogateescape"))
            self._headers = CIMultiDictProxy(headers)
        return self._headers

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]:
        return tuple(self._raw.fields())

    @property
    def cookies(self) -> SimpleCookie:
        cookies: SimpleCookie = SimpleCookie()
        for value in self.headers.getall("Set-Cookie", []):
            try:
                cookies.load(value)
            except CookieError:
                continue
        return cookies

    @property
    def content_type(self) -> str:
        return parameters(self.headers.get("Content-Type", "application/octet-stream"))[0].lower()

    @property
    def charset(self) -> str | None:
        return parameters(self.headers.get("Content-Type", ""))[1].get("charset")

    def get_encoding(self) -> str:
        """The charset that is named, else UTF-8."""
        return self.charset or "utf-8"

    @property
    def content_length(self) -> int | None:
        value = self.headers.get("Content-Length")
        return int(value) if value is not None else None

    @property
    def content(self) -> StreamReader:
        if self._content is None:
            self._content = self._raw.content()
        return self._content

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def closed(self) -> bool:
        return self._closed

    def raise_for_status(self) -> None:
        """An error where the status is one."""
        if not self.ok:
            self.release()
            raise ClientResponseError(
                self.request_info, self._history, status=self.status, message=self.reason, headers=self.headers
            )

    async def read(self) -> bytes:
        """All of the body."""
        if self._body is None:
            if self._closed:
                raise ClientConnectionError("Connection closed")
            self._body = await self.content.read()
            self.close()
        return self._body

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        return (await self.read()).decode(encoding or self.get_encoding(), errors)

    async def json(
        self, *, encoding: str | None = None, loads: Any = json_module.loads,
        content_type: str | None = "application/json",
    ) -> Any:
        """The body as JSON, of that type."""
        data = await self.read()
        if content_type and self.content_type != content_type and not (
            content_type == "application/json" and self.content_type.endswith("+json")
        ):
            raise ContentTypeError(
                self.request_info, self._history, status=self.status,
                message=f"Attempt to decode JSON with unexpected mimetype: {self.content_type}", headers=self.headers,
            )
        data = data.strip()
        return loads(data.decode(encoding or self.get_encoding())) if data else None

    def close(self) -> None:
        """Gives up what was not read."""
        if not self._closed:
            self._closed = True
            self._raw.close()

    def release(self) -> None:
        self.close()

    async def wait_for_close(self) -> None:
        """Nothing."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.close()


class _Context:
    """A request that is sent by `await`, or by `async with`."""

    __slots__ = ("_coroutine", "_response")

    def __init__(self, coroutine: Any) -> None:
        self._coroutine = coroutine
        self._response: ClientResponse | None = None

    def __await__(self) -> Generator[Any, None, ClientResponse]:
        return self._coroutine.__await__()

    async def __aenter__(self) -> ClientResponse:
        self._response = await self._coroutine
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._response is not None:
            self._response.close()


class ClientSession:
    """What requests are sent by. Connections are the server's, so a session costs nothing."""

    def __init__(
        self, base_url: StrOrURL | None = None, *, connector: Any = None, loop: Any = None, cookies: Any = None,
        headers: LooseHeaders | None = None, auth: BasicAuth | None = None, json_serialize: Any = json_module.dumps,
        cookie_jar: Any = None, connector_owner: bool = True, raise_for_status: Any = False,
        timeout: Any = None, auto_decompress: bool = True, trust_env: bool = False, **_: Any,
    ) -> None:
        self._base = URL(base_url) if base_url is not None else None
        self._headers: CIMultiDict = CIMultiDict(headers)
        self._auth = auth
        self._dumps = json_serialize
        self._jar = cookie_jar if cookie_jar is not None else CookieJar()
        if cookies:
            self._jar.update_cookies(cookies)
        self._raise = raise_for_status
        self._timeout: ClientTimeout = timeout if isinstance(timeout, ClientTimeout) else DEFAULT_TIMEOUT
        self._connector = connector
        self._closed = False

    @property
    def closed(self) -> bool:
        return self._closed

    @property
    def headers(self) -> CIMultiDict:
        return self._headers

    @property
    def cookie_jar(self) -> Any:
        return self._jar

    @property
    def connector(self) -> Any:
        return self._connector

    @property
    def timeout(self) -> ClientTimeout:
        return self._timeout

    def request(self, method: str, url: StrOrURL, **options: Any) -> _Context:
        """Sends a request."""
        return _Context(self._request(method, url, **options))

    def get(self, url: StrOrURL, *, allow_redirects: bool = True, **options: Any) -> _Context:
        return self.request("GET", url, allow_redirects=allow_redirects, **options)

    def options(self, url: StrOrURL, *, allow_redirects: bool = True, **options: Any) -> _Context:
        return self.request("OPTIONS", url, allow_redirects=allow_redirects, **options)

    def head(self, url: StrOrURL, *, allow_redirects: bool = False, **options: Any) -> _Context:
        return self.request("HEAD", url, allow_redirects=allow_redirects, **options)

    def post(self, url: StrOrURL, *, data: Any = None, **options: Any) -> _Context:
        return self.request("POST", url, data=data, **options)

    def put(self, url: StrOrURL, *, data: Any = None, **options: Any) -> _Context:
        return self.request("PUT", url, data=data, **options)

    def patch(self, url: StrOrURL, *, data: Any = None, **options: Any) -> _Context:
        return self.request("PATCH", url, data=data, **options)

    def delete(self, url: StrOrURL, **options: Any) -> _Context:
        return self.request("DELETE", url, **options)

    def ws_connect(self, *_: Any, **__: Any) -> Any:
        raise NotImplementedError("a handler has no WebSocket yet")

    async def _request(
        self, method: str, url: StrOrURL, *, params: Any = None, data: Any = None, json: Any = None,
        cookies: Any = None, headers: LooseHeaders | None = None, skip_auto_headers: Any = None,
        auth: BasicAuth | None = None, allow_redirects: bool = True, max_redirects: int = 10,
        raise_for_status: Any = None, timeout: Any = ..., **_: Any,
    ) -> ClientResponse:
        if self._closed:
            raise RuntimeError("Session is closed")
        if data is not None and json is not None:
            raise ValueError("data and json parameters can not be used at the same time")
        target = self._target(url)
        if params:
            target = target.extend_query(params if not isinstance(params, str) else URL("?" + params).query)
        limits = timeout if isinstance(timeout, ClientTimeout) else ClientTimeout(total=timeout) if isinstance(timeout, (int, float)) else self._timeout
        sent: CIMultiDict = CIMultiDict(self._headers)
        for name, value in CIMultiDict(headers).items():
            sent[name] = value
        auth = auth or self._auth
        if auth is not None:
            sent["Authorization"] = auth.encode()
        body, kind = _body(data, json, self._dumps)
        if kind is not None:
            sent.setdefault("Content-Type", kind)
        sent.setdefault("Accept", "*/*")
        method = method.upper()
        if limits.total:
            async with asyncio.timeout(limits.total):
                response = await self._follow(method, target, sent, body, cookies, limits, max_redirects if allow_redirects else 0, allow_redirects)
        else:
            response = await self._follow(method, target, sent, body, cookies, limits, max_redirects if allow_redirects else 0, allow_redirects)
        check = self._raise if raise_for_status is None else raise_for_status
        if callable(check):
            await check(response)
        elif check:
            response.raise_for_status()
        return response

    def _target(self, url: StrOrURL) -> URL:
        target = URL(url)
        if self._base is not None and not target.is_absolute():
            target = self._base.join(target)
        if target.scheme not in ("http", "https"):
            if target.scheme:
                raise NonHttpUrlClientError(url)
            raise InvalidURL(url, "it has no scheme; give the whole URL, or the session a base_url")
        if not target.host:
            raise InvalidURL(url)
        return target

    async def _follow(
        self, method: str, url: URL, sent: CIMultiDict, body: Any, cookies: Any, limits: ClientTimeout, most: int,
        follows: bool,
    ) -> ClientResponse:
        from patchboard._runtime import outbound

        history: list[ClientResponse] = []
        while True:
            own = {**self._jar.filter_cookies(url), **dict(cookies or {})}
            fields = CIMultiDict(sent)
            if own:
                fields["Cookie"] = "; ".join(f"{name}={getattr(value, 'value', value)}" for name, value in own.items())
            raw = await outbound.send(method, str(url.with_fragment(None)), fields, body, limits)
            response = ClientResponse(method, url, fields, raw, tuple(history))
            if response.headers.get("Set-Cookie"):
                self._jar.update_cookies(response.cookies, url)
            location = response.headers.get("Location")
            if not follows or response.status not in _REDIRECTS or location is None:
                return response
            history.append(response)
            response.close()
            if len(history) >= most:
                raise TooManyRedirects(history[0].request_info, tuple(history), status=response.status, message="Too many redirects")
            if (response.status == 303 and method != "HEAD") or (response.status in (301, 302) and method == "POST"):
                method, body = "GET", b""
                sent.popall("Content-Type", None)
            elif body is not None and not isinstance(body, bytes):
                raise ClientPayloadError("a body that is sent as it comes cannot be sent again to follow a redirect")
            there = url.join(URL(location))
            if there.origin() != url.origin():
                sent.popall("Authorization", None)
            url = self._target(there)

    async def close(self) -> None:
        self._closed = True

    def detach(self) -> None:
        self._closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: Any) -> None:
        await self.close()


def _body(data: Any, json: Any, dumps: Any) -> tuple[Any, str | None]:
    """The body to send, as bytes or what gives them piece by piece, and its type."""
    if json is not None:
        return dumps(json).encode(), "application/json"
    if data is None:
        return b"", None
    if isinstance(data, str):
        return data.encode(), "text/plain; charset=utf-8"
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data), "application/octet-stream"
    if isinstance(data, (AsyncIterable, StreamReader)):
        return data, "application/octet-stream"
    if isinstance(data, FormData):
        return data._encode()
    if isinstance(data, Mapping) or (isinstance(data, (list, tuple)) and data and not isinstance(data[0], int)):
        return FormData(data)._encode()
    if hasattr(data, "read"):
        content = data.read()
        return content.encode() if isinstance(content, str) else content, "application/octet-stream"
    if isinstance(data, Iterable):
        return b"".join(data), "application/octet-stream"
    raise TypeError(f"the body of a request cannot be a {type(data).__name__}")



def request(method: str, url: StrOrURL, **options: Any) -> _Context:
    """Sends one request."""
    return ClientSession().request(method, url, **options)


ClientRequest = RequestInfo
