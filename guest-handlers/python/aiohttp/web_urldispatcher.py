"""Routes of an application: patterns, names, URLs, and what answers.

Which route a request takes, the server decides; it is told all of them when the handler is
built. So nothing is matched here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from yarl import URL

from . import hdrs
from .abc import AbstractView
from .web_exceptions import HTTPMethodNotAllowed

if TYPE_CHECKING:
    from .web_app import Application
    from .web_request import Request
    from .web_response import StreamResponse
    from .web_routedef import AbstractRouteDef

__all__ = [
    "AbstractResource", "AbstractRoute", "DynamicResource", "PlainResource", "Resource", "ResourceRoute",
    "StaticResource", "UrlDispatcher", "UrlMappingMatchInfo", "View",
]

_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NAME = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")


def split_pattern(path: str) -> list[str | tuple[str, str | None]]:
    """The pieces of a path: text, and parameters with their expressions."""
    pieces: list[str | tuple[str, str | None]] = []
    at = 0
    while at < len(path):
        start = path.find("{", at)
        text = path[at:] if start < 0 else path[at:start]
        if "}" in text:
            raise ValueError(f"Invalid path '{path}'['{text}']")
        if text:
            pieces.append(text)
        if start < 0:
            break
        depth, end = 1, start + 1
        while end < len(path) and depth:
            depth += {"{": 1, "}": -1}.get(path[end], 0)
            end += 1
        if depth:
            raise ValueError(f"Invalid path '{path}'['{path[start:]}']")
        name, colon, expression = path[start + 1 : end - 1].partition(":")
        if not _NAME.fullmatch(name):
            raise ValueError(f"Invalid path '{path}'['{path[start:end]}']")
        if colon:
            try:
                re.compile(expression)
            except re.error as error:
                raise ValueError(f"Bad pattern '{expression}': {error}") from None
        pieces.append((name, expression if colon else None))
        at = end
    return pieces


class UrlMappingMatchInfo(dict[str, str]):
    """What the parameters of a route have matched."""

    def __init__(self, match_dict: Mapping[str, str], route: AbstractRoute, apps: tuple[Application, ...] = ()) -> None:
        super().__init__(match_dict)
        self._route = route
        self.apps = apps
        self._current: Application | None = None

    @property
    def handler(self) -> Any:
        return self._route.handler

    @property
    def route(self) -> AbstractRoute:
        return self._route

    @property
    def http_exception(self) -> None:
        return None

    def get_info(self) -> Mapping[str, Any]:
        return self._route.get_info()

    @property
    def current_app(self) -> Application:
        return self._current if self._current is not None else self.apps[-1]

    def __hash__(self) -> int:
        return id(self)


class AbstractResource:
    """A path, with what answers there."""

    def __init__(self, *, name: str | None = None) -> None:
        self._name = name

    @property
    def name(self) -> str | None:
        return self._name

    @property
    def canonical(self) -> str:
        raise NotImplementedError

    def url_for(self, **parts: str) -> URL:
        raise NotImplementedError

    def get_info(self) -> dict[str, Any]:
        return {"path": self.canonical}

    def __len__(self) -> int:
        return len(list(iter(self)))

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(())

    def __bool__(self) -> bool:
        return True


class AbstractRoute:
    """A method at a path."""

    def __init__(self, method: str, handler: Any, *, resource: AbstractResource | None = None) -> None:
        if not (inspect.isclass(handler) and issubclass(handler, AbstractView)) and not callable(handler):
            raise AssertionError(f"the handler of {method} is not callable: {handler!r}")
        self._method = method
        self._handler = handler
        self._resource = resource

    @property
    def method(self) -> str:
        return self._method

    @property
    def handler(self) -> Any:
        return self._handler

    @property
    def name(self) -> str | None:
        return self._resource.name if self._resource is not None else None

    @property
    def resource(self) -> AbstractResource | None:
        return self._resource

    def get_info(self) -> dict[str, Any]:
        return self._resource.get_info() if self._resource is not None else {}

    def url_for(self, *args: Any, **kwargs: Any) -> URL:
        assert self._resource is not None
        return self._resource.url_for(*args, **kwargs)


class ResourceRoute(AbstractRoute):
    """A route of a resource."""

    def __repr__(self) -> str:
        return f"<ResourceRoute [{self.method}] {self._resource} -> {self.handler!r}"


class Resource(AbstractResource):
    """A path with routes."""

    def __init__(self, path: str, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self._pieces = split_pattern(path)
        self._path = path
        self._prefix = ""
        self._routes: list[ResourceRoute] = []

    def add_route(self, method: str, handler: Any, *, expect_handler: Any = None) -> ResourceRoute:
        method = method.upper()
        if not _METHOD.fullmatch(method):
            raise ValueError(f"{method} is not allowed HTTP method")
        for route in self._routes:
            if route.method in (method, hdrs.METH_ANY):
                raise RuntimeError(f"Added route will never be executed, method {route.method} is already registered")
        route = ResourceRoute(method, handler, resource=self)
        self._routes.append(route)
        return route

    @property
    def path(self) -> str:
        """The pattern as it was given, with the prefixes of applications above."""
        return self._prefix + self._path

    @property
    def pieces(self) -> list[str | tuple[str, str | None]]:
        return [self._prefix, *self._pieces] if self._prefix else self._pieces

    @property
    def canonical(self) -> str:
        return "".join(piece if isinstance(piece, str) else "{%s}" % piece[0] for piece in self.pieces)

    def add_prefix(self, prefix: str) -> None:
        self._prefix = prefix + self._prefix

    def url_for(self, **parts: str) -> URL:
        path = []
        for piece in self.pieces:
            if isinstance(piece, str):
                path.append(quote(piece, safe="/%:@!$&'()*+,;=~-._"))
            else:
                path.append(quote(str(parts[piece[0]]), safe="/:@!$&'()*+,;=~-._"))
        return URL("".join(path), encoded=True)

    def __iter__(self) -> Iterator[AbstractRoute]:
        return iter(self._routes)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.canonical}>"


class PlainResource(Resource):
    """One without parameters."""


class DynamicResource(Resource):
    """One with parameters."""


class StaticResource(AbstractResource):
    """A folder of files, which the server's configuration serves: `patchboard build` prints how."""

    def __init__(self, prefix: str, directory: Any, *, name: str | None = None, show_index: bool = False) -> None:
        super().__init__(name=name)
        self._prefix = prefix.rstrip("/")
        self.directory = str(directory)
        self.show_index = show_index

    @property
    def canonical(self) -> str:
        return self._prefix

    def add_prefix(self, prefix: str) -> None:
        self._prefix = prefix + self._prefix

    def url_for(self, *, filename: Any, append_version: bool | None = None) -> URL:  # type: ignore[override]
        name = str(Path(filename)).lstrip("/") if isinstance(filename, Path) else str(filename).lstrip("/")
        return URL(f"{self._prefix}/{quote(name, safe=chr(47) + ':@!$&()*+,;=~-._')}", encoded=True)

    def get_info(self) -> dict[str, Any]:
        return {"directory": self.directory, "prefix": self._prefix, "routes": {}}


class View(AbstractView):
    """A class with a method for each method."""

    async def _answer(self) -> StreamResponse:
        method = getattr(self, self.request.method.lower(), None)
        if self.request.method not in hdrs.METH_ALL or method is None:
            allowed = {name for name in hdrs.METH_ALL if hasattr(self, name.lower())}
            raise HTTPMethodNotAllowed(self.request.method, allowed)
        return await method()

    def __await__(self) -> Generator[Any, None, StreamResponse]:
        return self._answer().__await__()


class UrlDispatcher(Mapping[str, AbstractResource]):
    """The routes of an application, by name."""

    def __init__(self) -> None:
        self._resources: list[AbstractResource] = []
        self._named: dict[str, AbstractResource] = {}
        self._frozen = False

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        self._frozen = True

    def register_resource(self, resource: AbstractResource) -> None:
        if self._frozen:
            raise RuntimeError("Cannot register a resource into frozen router.")
        name = resource.name
        if name is not None:
            if not all(part.isidentifier() for part in re.split(r"[-.:]", name)):
                raise ValueError(f"Incorrect route name {name!r}, the name should be a sequence of python identifiers separated by dash, dot or column")
            if name in self._named:
                raise ValueError(f"Duplicate {name!r}, already handled by {self._named[name]!r}")
            self._named[name] = resource
        self._resources.append(resource)

    def add_resource(self, path: str, *, name: str | None = None) -> Resource:
        if path and not path.startswith("/"):
            raise ValueError("path should be started with / or be empty")
        if self._resources:
            last = self._resources[-1]
            if isinstance(last, Resource) and last.name == name and last.path == path:
                return last
        kind = DynamicResource if "{" in path or "}" in path else PlainResource
        resource = kind(path, name=name)
        self.register_resource(resource)
        return resource

    def add_route(self, method: str, path: str, handler: Any, *, name: str | None = None, expect_handler: Any = None) -> AbstractRoute:
        return self.add_resource(path, name=name).add_route(method, handler, expect_handler=expect_handler)

    def add_static(
        self, prefix: str, path: Any, *, name: str | None = None, expect_handler: Any = None,
        chunk_size: int = 256 * 1024, show_index: bool = False, follow_symlinks: bool = False,
        append_version: bool = False,
    ) -> AbstractResource:
        """A static mount, which is the configuration's: the build prints its lines."""
        if not prefix.startswith("/"):
            raise ValueError("the prefix of static files begins with /")
        resource = StaticResource(prefix, path, name=name, show_index=show_index)
        self.register_resource(resource)
        return resource

    def add_head(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_HEAD, path, handler, **kwargs)

    def add_options(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_OPTIONS, path, handler, **kwargs)

    def add_get(self, path: str, handler: Any, *, name: str | None = None, allow_head: bool = True, **kwargs: Any) -> AbstractRoute:
        """A GET, which the server also has answer HEAD."""
        return self.add_resource(path, name=name).add_route(hdrs.METH_GET, handler, **kwargs)

    def add_post(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_POST, path, handler, **kwargs)

    def add_put(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_PUT, path, handler, **kwargs)

    def add_patch(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_PATCH, path, handler, **kwargs)

    def add_delete(self, path: str, handler: Any, **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_DELETE, path, handler, **kwargs)

    def add_view(self, path: str, handler: type[AbstractView], **kwargs: Any) -> AbstractRoute:
        return self.add_route(hdrs.METH_ANY, path, handler, **kwargs)

    def add_routes(self, routes: Iterable[AbstractRouteDef]) -> list[AbstractRoute]:
        added: list[AbstractRoute] = []
        for definition in routes:
            added.extend(definition.register(self))
        return added

    def resources(self) -> list[AbstractResource]:
        return list(self._resources)

    def routes(self) -> list[AbstractRoute]:
        return [route for resource in self._resources for route in resource]

    def named_resources(self) -> Mapping[str, AbstractResource]:
        return MappingProxyType(self._named)

    def __getitem__(self, name: str) -> AbstractResource:
        return self._named[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._named)

    def __len__(self) -> int:
        return len(self._named)

    def __contains__(self, name: object) -> bool:
        return name in self._named

    def __bool__(self) -> bool:
        return True
