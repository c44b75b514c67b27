"""Base classes that handlers name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .web_request import Request
    from .web_response import StreamResponse


class AbstractView(ABC):
    """What answers a request by being awaited."""

    def __init__(self, request: Request) -> None:
        self._request = request

    @property
    def request(self) -> Request:
        return self._request

    @abstractmethod
    def __await__(self) -> Generator[Any, None, StreamResponse]:
        """Answers it."""


class AbstractAccessLogger(ABC):
    """Accepted, and not asked: the access log is the server's."""

    def __init__(self, logger: Any, log_format: str) -> None:
        self.logger, self.log_format = logger, log_format

    @abstractmethod
    def log(self, request: Any, response: Any, time: float) -> None:
        """Not called."""
