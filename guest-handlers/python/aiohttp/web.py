"""What a server is written with: `from aiohttp import web`."""

from __future__ import annotations

from typing import Any

from .abc import AbstractAccessLogger, AbstractView
from .typedefs import Handler, Middleware
from .web_app import AppKey, Application, CleanupError
from .web_exceptions import *  # noqa: F403
from .web_exceptions import __all__ as _exceptions
from .web_fileresponse import FileResponse
from .web_log import AccessLogger
from .web_middlewares import middleware, normalize_path_middleware
from .web_request import BaseRequest, FileField, Request, RequestPayloadError
from .web_response import ContentCoding, Response, StreamResponse, json_response
from .web_routedef import (
    AbstractRouteDef, RouteDef, RouteTableDef, StaticDef, delete, get, head, options, patch, post, put, route,
    static, view,
)
from .web_runner import AppRunner, BaseSite, GracefulExit, SockSite, TCPSite, UnixSite, run_app
from .web_urldispatcher import (
    AbstractResource, AbstractRoute, DynamicResource, PlainResource, Resource, ResourceRoute, StaticResource,
    UrlDispatcher, UrlMappingMatchInfo, View,
)

__all__ = [
    "AbstractAccessLogger", "AbstractResource", "AbstractRoute", "AbstractRouteDef", "AbstractView",
    "AccessLogger", "AppKey", "AppRunner", "Application", "BaseRequest", "BaseSite", "CleanupError",
    "ContentCoding", "DynamicResource", "FileField", "FileResponse", "GracefulExit", "Handler", "Middleware",
    "PlainResource", "Request", "RequestPayloadError", "Resource", "ResourceRoute", "Response", "RouteDef",
    "RouteTableDef", "SockSite", "StaticDef", "StaticResource", "StreamResponse", "TCPSite", "UnixSite",
    "UrlDispatcher", "UrlMappingMatchInfo", "View", "WebSocketResponse", "delete", "get", "head",
    "json_response", "middleware", "normalize_path_middleware", "options", "patch", "post", "put", "route",
    "run_app", "static", "view", *_exceptions,
]


class WebSocketResponse(StreamResponse):
    """Not there: the server's contract has no WebSocket yet."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(
            "a handler has no WebSocket yet; send events by StreamResponse (text/event-stream) instead"
        )
