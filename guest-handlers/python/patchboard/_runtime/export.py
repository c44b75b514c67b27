"""The export: a request of the host's becomes aiohttp's, and a response the host's."""

from __future__ import annotations

import asyncio
import html
import os
from collections.abc import Callable, Iterable
from typing import Any

from aiohttp.client_exceptions import ClientConnectionResetError
from aiohttp.streams import StreamReader
from aiohttp.web_exceptions import HTTPRequestEntityTooLarge
from aiohttp.web_request import RequestPayloadError
from aiohttp.web_response import Response, StreamResponse

from . import calls, host, log
from .fields import fields, pack
from .streams import Reader, Writer, pipe
from .tasks import hold

types = host.types
Ok = host.Ok
Err = host.Err

# The largest body that crosses at once.
FULL_BYTES = 64 * 1024
_VERSIONS = {"HTTP10": (1, 0), "HTTP11": (1, 1), "HTTP2": (2, 0), "HTTP3": (3, 0)}
_METHODS = {
    getattr(types, f"Method_{name.capitalize()}"): name
    for name in ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"]
}
_STREAMING = types.Body_Streaming
_FULL = types.Body_Full
_EMPTY = types.Body_Empty
_CRASHED = "Server got itself in trouble"


class Exchange:
    """A request, and the way of its response."""

    __slots__ = ("_answer", "_call", "_ends", "_reader", "_request", "method", "request", "sink", "target")

    def __init__(self, request: Any, call: calls.Call, answer: Callable[[Any], None]) -> None:
        self._request, self._call, self._answer = request, call, answer
        kind = type(request.method)
        self.method: str = _METHODS.get(kind) or request.method.value
        self.target: str = request.path_with_query
        self.request: Any = None
        self.sink: Sink | None = None
        self._reader: Reader | None = None
        self._ends: asyncio.Task[Any] | None = None

    # The head

    @property
    def version(self) -> tuple[int, int]:
        return _VERSIONS[self._request.protocol.name]

    @property
    def scheme(self) -> str:
        return self._request.scheme.name.lower()

    @property
    def authority(self) -> str:
        return self._request.authority

    @property
    def request_id(self) -> str:
        return self._request.request_id

    def fields(self) -> Iterable[tuple[bytes, bytes]]:
        return fields(self._request.headers)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        client = self._request.client
        if name == "peername" and client is not None:
            return (_address(client.address), client.port)
        return default

    def is_closing(self) -> bool:
        return self._call.over is not None

    # The body

    @property
    def has_body(self) -> bool:
        return type(self._request.body) is not _EMPTY

    def whole(self) -> bytes | None:
        """The body, where it is all there."""
        body = self._request.body
        kind = type(body)
        return body.value if kind is _FULL else b"" if kind is _EMPTY else None

    def content(self) -> StreamReader:
        whole = self.whole()
        if whole is not None:
            return StreamReader(None, whole)
        return StreamReader(self._next)

    async def _next(self) -> bytes:
        streaming = self._request.body.value
        if self._reader is None:
            self._reader = Reader(streaming.content)
        data = await self._reader.read()
        if data:
            return data
        if self._ends is None:
            self._ends = calls.spawn(streaming.trailers.read())
        outcome = await asyncio.shield(self._ends)
        if isinstance(outcome, Err):
            raise _broken(outcome.value.name)
        return b""

    # The response

    def begin(self, response: StreamResponse) -> Sink:
        if self.sink is not None:
            raise RuntimeError("a response has been prepared already")
        self.sink = Sink(self, response)
        return self.sink

    def send(self, status: int, headers: Any, body: Any) -> None:
        self._answer(types.Response(status, headers, body))

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


class Sink:
    """Where the body of a response goes."""

    __slots__ = ("_end", "_ended", "_exchange", "_head", "_kept", "_writer", "written")

    def __init__(self, exchange: Exchange, response: StreamResponse) -> None:
        self._exchange = exchange
        self._ended = False
        self._end: Any = None
        self._writer: Writer | None = None
        self._kept: bytes | None = None
        self.written = 0
        self._head = (response.status, pack(response))
        length = response.content_length
        if isinstance(response, Response) and isinstance(response.body, (bytes, type(None))):
            self._kept = b""
            if len(response.body or b"") <= FULL_BYTES:
                return
        self._kept = None
        self._stream(length)

    def _stream(self, length: int | None) -> None:
        self._writer, content = pipe()
        self._end, ends = host.end_future(lambda: Err(types.BodyError.DISCONNECTED))
        body = _STREAMING(types.BodyStream(content, ends, length))
        self._exchange.send(*self._head, body)

    async def write(self, data: bytes) -> None:
        self.written += len(data)
        if self._kept is not None:
            self._kept += data
            if len(self._kept) <= FULL_BYTES:
                return
            data, self._kept = self._kept, None
            self._stream(None)
        assert self._writer is not None
        if data and not await self._writer.write(data):
            raise ClientConnectionResetError("Cannot write to closing transport")

    async def end(self) -> None:
        if self._ended:
            return
        self._ended = True
        if self._kept is not None:
            self._exchange.send(*self._head, _FULL(self._kept) if self._kept else _EMPTY())
        else:
            self._finish(Ok(None))

    def _finish(self, outcome: Any) -> None:
        assert self._writer is not None
        self._writer.close()
        calls.spawn(self._end.write(outcome))

    def abandon(self) -> bool:
        """Cuts off what has begun; whether it had."""
        if self._ended:
            return True
        if self._writer is None:
            return False
        self._ended = True
        self._finish(Err(types.BodyError.DISCONNECTED))
        return True


def _address(address: Any) -> str:
    parts = address.value
    if len(parts) == 4:
        return ".".join(map(str, parts))
    import ipaddress

    return str(ipaddress.IPv6Address(b"".join(part.to_bytes(2) for part in parts)))


def _broken(kind: str) -> Exception:
    if kind == "TOO_LARGE":
        return HTTPRequestEntityTooLarge(0, 0, text="the body is larger than the server's limit")
    return RequestPayloadError(f"the body of the request broke off: {kind.lower().replace('_', ' ')}")


def _crash(exchange: Exchange, error: BaseException) -> Response:
    log.report("Error handling request", error)
    shown = _CRASHED
    is_dev = asyncio.get_running_loop().get_debug() or bool(os.environ.get("PYTHONASYNCIODEBUG"))
    accept = b",".join(value for name, value in exchange.fields() if name == b"accept")
    is_html = b"text/html" in accept
    if is_dev:
        shown = log.shown(error)
        if is_html:
            shown = f"<pre>{html.escape(shown)}</pre>"
    if is_html:
        page = f"<html><head><title>500 Internal Server Error</title></head><body>\n<h1>500 Internal Server Error</h1>\n{shown}\n</body></html>\n"
        return Response(status=500, text=page, content_type="text/html")
    return Response(status=500, text=f"500 Internal Server Error\n\n{shown}")


class Answering:
    """Answers requests by an application."""

    def __init__(self, app: Any, entries: dict[int, Any]) -> None:
        self._app = app
        self._entries = entries

    async def __call__(self, request: Any, call: calls.Call, answer: Callable[[Any], None]) -> None:
        exchange = Exchange(request, call, answer)
        try:
            await self._respond(exchange, request.route)
        except asyncio.CancelledError:
            # Nobody reads it; but a call has an answer.
            if exchange.sink is None or not exchange.sink.abandon():
                exchange.send(500, types.Fields(b"", []), _EMPTY())
        except BaseException as error:
            if exchange.sink is not None and exchange.sink.abandon():
                if not isinstance(error, ConnectionResetError):
                    log.report("Error while a response was sent; it is cut off", error)
            else:
                response = _crash(exchange, error)
                await _prepared(exchange, response)
                exchange.send(response.status, pack(response), _FULL(response.body))
        finally:
            exchange.close()

    async def _respond(self, exchange: Exchange, matched: Any) -> None:
        app = self._app
        if not app._is_ready:
            await _started(app)
        route, apps = self._entries[matched.id]
        request, response = await app._answer(exchange, route, matched.parameters, apps)
        if exchange._call.tasks:
            hold(exchange._call)
        sink = exchange.sink
        if sink is None:
            if type(response) is Response and not _watched(apps):
                body = response._body
                if body is None or (type(body) is bytes and len(body) <= FULL_BYTES):
                    # The usual way, which needs no sink.
                    if response._eof:
                        raise RuntimeError("a response can be sent once")
                    response._eof = True
                    exchange.send(response._status, pack(response), _FULL(body) if body else _EMPTY())
                    return
            elif response._eof:
                raise RuntimeError("a response can be sent once; make one for each request")
            await response.prepare(request)
        if not response._eof:
            await response.write_eof()
        if exchange.sink is not None:
            await exchange.sink.end()


async def _prepared(exchange: Exchange, response: Response) -> None:
    """Lets the application see the head of an error's response; another error there changes nothing."""
    if exchange.request is None:
        return
    try:
        await exchange.request._signal_prepare(response)
    except Exception as error:
        log.report("on_response_prepare has failed", error)


def _watched(apps: Any) -> bool:
    return any(app.on_response_prepare for app in apps)


async def _started(app: Any) -> None:
    """Has the application started, by the first call of an instance; others wait for it."""
    while not app._is_ready:
        if app._starting is None:
            app._starting = asyncio.get_running_loop().create_future()
            try:
                await app.startup()
                app._is_ready = True
            finally:
                starting, app._starting = app._starting, None
                starting.set_result(None)
        else:
            await asyncio.shield(app._starting)


def handler(app: Any, entries: dict[int, Any]) -> type:
    """The class that the toolchain looks for."""
    answering = Answering(app, entries)

    class Handler:
        def handle(self, request: Any) -> Any:
            return lambda call, answer: answering(request, call, answer)

        def _async_start_handle(self, request: Any, borrows: int) -> int:
            return calls.first_poll(0, borrows, self.handle(request))

    return Handler


