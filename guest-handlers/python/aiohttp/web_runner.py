"""What starts a server elsewhere; here it only says which application there is."""

from __future__ import annotations

from typing import Any

from .web_app import Application

__all__ = ["AppRunner", "BaseSite", "GracefulExit", "SockSite", "TCPSite", "UnixSite", "registered", "run_app"]

_apps: list[Any] = []


class GracefulExit(SystemExit):
    """Not raised: the server ends a handler."""

    code = 1


def registered() -> list[Any]:
    """The applications that were to be run."""
    return _apps


def run_app(app: Any, **_: Any) -> None:
    """Names the application. Where it listens, and how it is logged, the server's configuration says."""
    _apps.append(app)


class AppRunner:
    """Likewise."""

    def __init__(self, app: Application, **_: Any) -> None:
        self._app = app
        self._sites: list[BaseSite] = []

    @property
    def app(self) -> Application:
        return self._app

    @property
    def sites(self) -> set[BaseSite]:
        return set(self._sites)

    @property
    def addresses(self) -> list[Any]:
        return []

    async def setup(self) -> None:
        """Nothing: an instance of the handler starts the application at its first request."""

    async def shutdown(self) -> None:
        """Nothing."""

    async def cleanup(self) -> None:
        """Nothing."""


class BaseSite:
    """An address, which is the server's."""

    def __init__(self, runner: AppRunner, *_: Any, **__: Any) -> None:
        self._runner = runner

    @property
    def name(self) -> str:
        return "patchboard"

    async def start(self) -> None:
        self._runner._sites.append(self)
        if self._runner.app not in _apps:
            _apps.append(self._runner.app)

    async def stop(self) -> None:
        """Nothing."""


class TCPSite(BaseSite):
    """A host and a port."""


class UnixSite(BaseSite):
    """A path."""


class SockSite(BaseSite):
    """A socket."""
