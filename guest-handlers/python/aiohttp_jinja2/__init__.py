"""Templates of jinja2, by the names of aiohttp-jinja2. `requirements.txt` has to name jinja2.

A component has no files later, so all templates are read, and compiled, when they are set up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any

import jinja2
from aiohttp import web

__all__ = ["get_env", "render_string", "render_template", "request_processor", "setup", "template"]

APP_KEY = web.AppKey("aiohttp_jinja2_environment", jinja2.Environment)
_PROCESSORS = web.AppKey("aiohttp_jinja2_context_processors", tuple)


def setup(
    app: web.Application, *args: Any, app_key: Any = APP_KEY, context_processors: Iterable[Any] = (),
    filters: Mapping[str, Any] | None = None, default_helpers: bool = True, **kwargs: Any,
) -> jinja2.Environment:
    """Gives an application its templates."""
    kwargs.setdefault("autoescape", True)
    environment = jinja2.Environment(*args, **{**kwargs, "auto_reload": False, "cache_size": -1})
    environment.filters.update(filters or {})
    if default_helpers:
        environment.globals["url"] = _url
    app[app_key] = environment
    app[_PROCESSORS] = tuple(context_processors)
    if environment.loader is not None:
        for name in environment.list_templates():
            environment.get_template(name)
    return environment


@jinja2.pass_context
def _url(context: Any, name: str, query_: Mapping[str, str] | None = None, **parts: Any) -> str:
    url = context["app"].router[name].url_for(**{key: str(value) for key, value in parts.items()})
    return str(url.with_query(query_) if query_ else url)


def get_env(app: web.Application, *, app_key: Any = APP_KEY) -> jinja2.Environment:
    """The templates of an application."""
    return app[app_key]


def _found(request: web.Request, app_key: Any) -> tuple[web.Application, jinja2.Environment]:
    for app in reversed(request.match_info.apps):
        if app_key in app:
            return app, app[app_key]
    raise web.HTTPInternalServerError(text="aiohttp_jinja2.setup(app, loader=…) has not been called")


async def request_processor(request: web.Request) -> dict[str, Any]:
    """Gives templates the request."""
    return {"request": request}


async def _context(request: web.Request, app: web.Application, context: Mapping[str, Any]) -> dict[str, Any]:
    whole: dict[str, Any] = {"app": request.app}
    for processor in app[_PROCESSORS]:
        whole.update(await processor(request))
    return {**whole, **context}


def render_string(template_name: str, request: web.Request, context: Mapping[str, Any], *, app_key: Any = APP_KEY) -> str:
    """A template as text."""
    return _found(request, app_key)[1].get_template(template_name).render({"app": request.app, **context})


def render_template(
    template_name: str, request: web.Request, context: Mapping[str, Any] | None, *, app_key: Any = APP_KEY,
    encoding: str = "utf-8", status: int = 200,
) -> web.Response:
    """A template as a response."""
    text = render_string(template_name, request, context or {}, app_key=app_key)
    return web.Response(text=text, status=status, content_type="text/html", charset=encoding)


def template(
    template_name: str, *, app_key: Any = APP_KEY, encoding: str = "utf-8", status: int = 200
) -> Callable[[Any], Any]:
    """A handler whose mapping is what the template shows."""

    def wrap(handler: Any) -> Any:
        @wraps(handler)
        async def answer(*args: Any) -> Any:
            context = await handler(*args)
            if isinstance(context, web.StreamResponse):
                return context
            request = args[-1].request if isinstance(args[-1], web.View) else args[-1]
            app, _ = _found(request, app_key)
            whole = await _context(request, app, context or {})
            return render_template(template_name, request, whole, app_key=app_key, encoding=encoding, status=status)

        return answer

    return wrap
