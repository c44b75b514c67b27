"""What can go wrong with a request to another server."""

from __future__ import annotations

import asyncio
from typing import Any

__all__ = [
    "ClientConnectionError", "ClientConnectionResetError", "ClientConnectorCertificateError",
    "ClientConnectorDNSError", "ClientConnectorError", "ClientConnectorSSLError", "ClientError", "ClientOSError",
    "ClientPayloadError", "ClientResponseError", "ClientSSLError", "ConnectionTimeoutError", "ContentTypeError",
    "InvalidURL", "InvalidUrlClientError", "NonHttpUrlClientError", "ServerConnectionError",
    "ServerDisconnectedError", "ServerTimeoutError", "SocketTimeoutError", "TooManyRedirects",
]


class ClientError(Exception):
    """Any of them."""


class ClientResponseError(ClientError):
    """There is a response, but not as it should be."""

    def __init__(
        self, request_info: Any, history: tuple[Any, ...], *, status: int | None = None, message: str = "",
        headers: Any = None,
    ) -> None:
        super().__init__(request_info, history)
        self.request_info, self.history = request_info, history
        self.status, self.message, self.headers = status or 0, message, headers

    def __str__(self) -> str:
        return f"{self.status}, message={self.message!r}, url={str(self.request_info.real_url)!r}"


class ContentTypeError(ClientResponseError):
    """The content is of another type than was asked for."""


class TooManyRedirects(ClientResponseError):
    """It leads on and on."""


class ClientConnectionError(ClientError):
    """There is no connection, or not any more."""


class ClientConnectionResetError(ClientConnectionError, ConnectionResetError):
    """The other side is gone."""


class ClientOSError(ClientConnectionError, OSError):
    """A connection could not be made, or has broken."""


class ClientConnectorError(ClientOSError):
    """A connection could not be made."""


class ClientConnectorDNSError(ClientConnectorError):
    """The name is not known."""


class ClientSSLError(ClientConnectorError):
    """TLS is the reason."""


class ClientConnectorSSLError(ClientSSLError):
    """There was no agreement on TLS."""


class ClientConnectorCertificateError(ClientSSLError, ValueError):
    """The certificate is wrong."""


class ServerConnectionError(ClientConnectionError):
    """The server is the reason."""


class ServerDisconnectedError(ServerConnectionError):
    """The connection ended before the response."""


class ServerTimeoutError(ServerConnectionError, asyncio.TimeoutError):
    """The server takes too long."""


class ConnectionTimeoutError(ServerTimeoutError):
    """To connect."""


class SocketTimeoutError(ServerTimeoutError):
    """To answer."""


class ClientPayloadError(ClientError):
    """The body of the response broke off."""


class InvalidURL(ClientError, ValueError):
    """It is no URL that can be asked."""

    def __init__(self, url: Any, description: str | None = None) -> None:
        super().__init__(url, description) if description else super().__init__(url)
        self.url, self.description = url, description


class InvalidUrlClientError(InvalidURL):
    """Likewise."""


class NonHttpUrlClientError(InvalidURL):
    """Its scheme is another."""
