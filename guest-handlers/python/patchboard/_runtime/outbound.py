"""Requests to other servers: one crossing for head and small body, streams for what is larger."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from aiohttp import client_exceptions as errors
from aiohttp.streams import StreamReader

from . import host

# The largest body that crosses at once.
_FULL_BYTES = 64 * 1024

try:
    from wit_world.imports import outbound as imported
    from wit_world.imports import outbound_types as own
except ImportError:
    imported = own = None  # type: ignore[assignment]


class Raw:
    """A response, as the host gave it."""

    def __init__(self, response: Any) -> None:
        self._response = response
        self.status: int = response.status
        self._reader: Any = None
        self._ends: Any = None

    def fields(self) -> Iterable[tuple[bytes, bytes]]:
        from .fields import fields

        return fields(self._response.headers)

    def content(self) -> StreamReader:
        body = self._response.body
        if isinstance(body, host.types.Body_Full):
            return StreamReader(None, body.value)
        if isinstance(body, host.types.Body_Empty):
            return StreamReader(None)
        return StreamReader(self._next)

    async def _next(self) -> bytes:
        from . import calls
        from .streams import Reader

        streaming = self._response.body.value
        if self._reader is None:
            self._reader = Reader(streaming.content)
        if data := await self._reader.read():
            return data
        if self._ends is None:
            self._ends = calls.spawn(streaming.trailers.read())
        outcome = await asyncio.shield(self._ends)
        if isinstance(outcome, host.Err):
            kind = outcome.value.name.lower().replace("_", " ")
            raise errors.ClientPayloadError(f"the body of the response broke off: {kind}")
        return b""

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _nanoseconds(seconds: float | None) -> int | None:
    return None if not seconds else int(seconds * 1e9)


def _shortest(*seconds: float | None) -> float | None:
    return min((second for second in seconds if second), default=None)


async def send(method: str, url: str, headers: Any, body: Any, limits: Any) -> Raw:
    """Sends a request, and gives the response when its head is there."""
    if imported is None:
        raise RuntimeError(
            "the build has not seen that this handler asks other servers; name ClientSession in one of its files"
        )
    from .fields import pack_pairs

    types = host.types
    known = getattr(types, f"Method_{method.capitalize()}", None)
    if body is None or body == b"":
        content = types.Body_Empty()
    elif isinstance(body, bytes) and len(body) <= _FULL_BYTES:
        content = types.Body_Full(body)
    else:
        content = _streamed(body)
    # What is given up cannot be cancelled from here, so that the host has to know how long it is for.
    connect = _shortest(limits.connect or limits.sock_connect, limits.total)
    first = _shortest(limits.sock_read, limits.total and limits.total + 0.1)
    request = own.Request(
        known() if known is not None and method != "OTHER" else types.Method_Other(method),
        url,
        pack_pairs([(name, str(value)) for name, value in headers.items()]),
        content,
        own.Timeouts(_nanoseconds(connect), _nanoseconds(first), _nanoseconds(limits.sock_read)),
    )
    try:
        return Raw(await imported.send(request))
    except host.Err as error:
        raise _error(url, error.value) from None


def _streamed(body: Any) -> Any:
    from . import calls
    from .streams import pipe

    writer, content = pipe()
    end, ends = host.end_future(lambda: host.Err(host.types.BodyError.DISCONNECTED))

    async def write() -> None:
        try:
            if isinstance(body, bytes):
                await writer.write(body)
            else:
                async for piece in body:
                    if not await writer.write(piece.encode() if isinstance(piece, str) else bytes(piece)):
                        break
            outcome = host.Ok(None)
        except Exception as error:
            from . import log

            log.report("the body of a request could not be made; it is cut off", error)
            outcome = host.Err(host.types.BodyError.DISCONNECTED)
        writer.close()
        await end.write(outcome)

    calls.spawn(write())
    length = len(body) if isinstance(body, bytes) else None
    return host.types.Body_Streaming(host.types.BodyStream(content, ends, length))


def _error(url: str, error: Any) -> Exception:
    kind = type(error).__name__.removeprefix("Error_")
    text = getattr(error, "value", "")
    match kind:
        case "InvalidUrl":
            return errors.InvalidURL(url, str(text))
        case "InvalidRequest":
            return ValueError(str(text))
        case "NotGranted":
            return errors.ClientConnectorError(
                13, f"{text} is not granted to this handler; the operator allows it by `outbound` in patchboard.toml"
            )
        case "ProhibitedAddress":
            return errors.ClientConnectorError(13, f"no handler may reach {text}")
        case "TooManyRequests":
            return errors.ConnectionTimeoutError("as many requests as the operator allows are under way")
        case "Dns":
            return errors.ClientConnectorDNSError(-2, f"Cannot connect to {url}: {text}")
        case "Refused":
            return errors.ClientConnectorError(111, f"Cannot connect to {url}: {text}")
        case "Tls":
            return errors.ClientConnectorSSLError(1, f"Cannot connect to {url}: {text}")
        case "TimedOut":
            if text.name == "CONNECT":
                return errors.ConnectionTimeoutError(f"Connection timeout to host {url}")
            return errors.SocketTimeoutError(f"Timeout on reading data from {url}")
        case "Disconnected":
            return errors.ServerDisconnectedError(f"Server disconnected: {text}")
        case "Malformed":
            return errors.ClientPayloadError(f"the response is malformed: {text}")
    return errors.ClientConnectionError(str(text))
