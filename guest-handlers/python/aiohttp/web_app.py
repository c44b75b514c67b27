"""Applications: routes, middlewares, what is shared, and what is done at the start."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from functools import partial
from typing import Any, Generic, TypeVar

from .web_exceptions import HTTPException
from .web_request import Request
from .web_response import StreamResponse
from .web_urldispatcher import (
    AbstractResource, AbstractRoute, Resource, StaticResource, UrlDispatcher, UrlMappingMatchInfo,
)

__all__ = ["AppKey", "Application", "CleanupError", "Signal"]

_T = TypeVar("_T")
_logger = logging.getLogger("aiohttp.web")


class AppKey(Generic[_T]):
    """The key of something that an application keeps, with its type."""

    def __init__(self, name: str, t: type[_T] | None = None) -> None:
        self._name, self._t = name, t

    def __repr__(self) -> str:
        return f"<AppKey({self._name})>"


class CleanupError(RuntimeError):
    """Some of what was to be cleaned up failed."""

    @property
    def exceptions(self) -> list[BaseException]:
        return self.args[1]


class Signal(list[Any]):
    """Functions that are awaited when something happens."""

    def __init__(self, owner: Any = None) -> None:
        super().__init__()
        self._frozen = False

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        self._frozen = True

    async def send(self, *args: Any, **kwargs: Any) -> None:
        for receiver in self:
            await receiver(*args, **kwargs)


class _SubApp(AbstractResource):
    """Another application under a prefix."""

    def __init__(self, prefix: str, app: Application) -> None:
        super().__init__()
        self._prefix, self.app = prefix, app

    @property
    def canonical(self) -> str:
        return self._prefix

    def add_prefix(self, prefix: str) -> None:
        self._prefix = prefix + self._prefix
        self.app._add_prefix(prefix)

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self.app.router.routes())


class Application(MutableMapping[Any, Any]):
    """An application."""

    def __init__(
        self, *, logger: logging.Logger = _logger, router: Any = None, middlewares: Iterable[Any] = (),
        handler_args: Any = None, client_max_size: int = 1024**2, loop: Any = None, debug: Any = ...,
    ) -> None:
        self.logger = logger
        self._router = UrlDispatcher()
        self._middlewares: list[Any] = list(middlewares)
        self._client_max_size = client_max_size
        self._state: dict[Any, Any] = {}
        self._subapps: list[Application] = []
        self._frozen = False
        self._is_ready = False
        self._starting: Any = None
        self._handlers: dict[AbstractRoute, Any] = {}
        self.on_response_prepare = Signal(self)
        self.on_startup = Signal(self)
        self.on_shutdown = Signal(self)
        self.on_cleanup = Signal(self)
        self.cleanup_ctx: list[Callable[[Application], AsyncIterator[None]]] = []
        self._contexts: list[AsyncIterator[None]] = []

    # What is kept

    def __getitem__(self, key: Any) -> Any:
        return self._state[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        if self._frozen and key not in self._state:
            raise RuntimeError("Changing state of started or joined application is forbidden")
        self._state[key] = value

    def __delitem__(self, key: Any) -> None:
        del self._state[key]

    def __len__(self) -> int:
        return len(self._state)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._state)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<Application 0x{id(self):x}>"

    def __call__(self) -> Application:
        return self

    # What it is made of

    @property
    def router(self) -> UrlDispatcher:
        return self._router

    @property
    def middlewares(self) -> list[Any]:
        return self._middlewares

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        self._frozen = True

    @property
    def debug(self) -> bool:
        return False

    def add_routes(self, routes: Iterable[Any]) -> list[AbstractRoute]:
        return self._router.add_routes(routes)

    def _add_prefix(self, prefix: str) -> None:
        for resource in self._router.resources():
            resource.add_prefix(prefix)  # type: ignore[attr-defined]

    def add_subapp(self, prefix: str, subapp: Application) -> AbstractResource:
        """Another application, with its own middlewares, under a prefix."""
        if not isinstance(prefix, str):
            raise TypeError("Prefix must be str")
        prefix = prefix.rstrip("/")
        if not prefix:
            raise ValueError("Prefix cannot be empty")
        if "{" in prefix or "}" in prefix:
            raise ValueError("Prefix must not have any regexes")
        if self._frozen:
            raise RuntimeError("Cannot add sub application to frozen application")
        if subapp.frozen:
            raise RuntimeError("Cannot add frozen application")
        subapp._add_prefix(prefix)
        resource = _SubApp(prefix, subapp)
        self._router.register_resource(resource)
        subapp.freeze()
        self._subapps.append(subapp)
        return resource

    def add_domain(self, domain: str, subapp: Application) -> AbstractResource:
        raise NotImplementedError(
            "hosts are the server's configuration here: give the routes of another host in patchboard.toml"
        )

    # What it answers

    def entries(self, apps: tuple[Application, ...] = ()) -> Iterator[tuple[Resource | StaticResource, AbstractRoute | None, tuple[Application, ...]]]:
        """Its routes, and those of the applications below, in order, each with the applications that it belongs to."""
        apps = (*apps, self)
        for resource in self._router.resources():
            if isinstance(resource, _SubApp):
                yield from resource.app.entries(apps)
            elif isinstance(resource, StaticResource):
                yield resource, None, apps
            elif isinstance(resource, Resource):
                for route in resource:
                    yield resource, route, apps

    async def startup(self) -> None:
        """What is to be done before the first request of an instance."""
        for context in self.cleanup_ctx:
            iterator = context(self)
            if hasattr(iterator, "__aenter__"):
                await iterator.__aenter__()  # type: ignore[attr-defined]
            else:
                await iterator.__anext__()
            self._contexts.append(iterator)
        await self.on_startup.send(self)
        for app in self._subapps:
            await app.startup()

    async def shutdown(self) -> None:
        await self.on_shutdown.send(self)

    async def cleanup(self) -> None:
        await self.on_cleanup.send(self)

    def _handler(self, route: AbstractRoute, apps: tuple[Application, ...]) -> Any:
        """What answers a route, with the middlewares around it."""
        handler = self._handlers.get(route)
        if handler is None:
            handler = _called(route.handler)
            for app in reversed(apps):
                for middleware in reversed(app._middlewares):
                    handler = partial(_through, middleware, app, handler)
            self._handlers[route] = handler
        return handler

    async def _answer(self, exchange: Any, route: AbstractRoute, parameters: Any, apps: tuple[Application, ...]) -> tuple[Request, Any]:
        """The response to a request; errors that are no responses are raised."""
        request = Request(
            exchange, UrlMappingMatchInfo(parameters, route, apps), client_max_size=apps[-1]._client_max_size
        )
        exchange.request = request
        handler = self._handlers.get(route) or self._handler(route, apps)
        try:
            response = await handler(request)
        except HTTPException as error:
            response = error
        if not isinstance(response, StreamResponse):
            if response is None:
                raise RuntimeError("Missing return statement on request handler")
            raise TypeError(
                f"Web-handler should return a response instance, got {response!r}"
            )
        return request, response


def _called(handler: Any) -> Callable[[Request], Awaitable[Any]]:
    """A handler that is awaited: views are, and plain functions may answer at once."""
    import inspect

    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):
        return handler

    async def call(request: Request) -> Any:
        result = handler(request)
        return await result if hasattr(result, "__await__") else result

    return call


async def _through(middleware: Any, app: Application, handler: Any, request: Request) -> Any:
    match = request.match_info
    before, match._current = match._current, app

    async def inner(request: Request) -> Any:
        match = request.match_info
        outer, match._current = match._current, before
        try:
            return await handler(request)
        finally:
            match._current = outer

    try:
        return await middleware(request, inner)
    finally:
        match._current = before
