"""An application's file, run as `python server.py` would; and what it comes to.

This is done twice: when a handler is built, to read its routes, and inside the component, as
it is made. Both count the routes in the same order.
"""

from __future__ import annotations

import asyncio
import inspect
import re
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from aiohttp import web_runner
from aiohttp.web_app import Application
from aiohttp.web_urldispatcher import AbstractRoute, Resource, StaticResource

_FACTORIES = ("create_app", "make_app", "init_app", "get_app", "app_factory", "init", "main")
_WORD = re.compile(r"[a-z]+")
_ANYTHING = (".*", ".+")


class Unfit(Exception):
    """An application that is no handler; the text says what to do."""


def run(file: Path) -> Application:
    """Runs the file and gives its application."""
    spec = spec_from_file_location("__main__", file)
    if spec is None or spec.loader is None:
        raise Unfit(f"{file} is no Python file")
    module = module_from_spec(spec)
    sys.argv = [str(file)]
    sys.modules["__main__"] = sys.modules[file.stem] = module
    runs, asyncio.run = asyncio.run, _drive
    try:
        spec.loader.exec_module(module)
    except SystemExit as end:
        if not web_runner.registered() and end.code not in (None, 0):
            raise Unfit(
                f"{file.name} has ended with exit code {end.code} before it came to web.run_app; it is run without "
                "arguments, so give each a default"
            ) from None
    finally:
        asyncio.run = runs
    return _application(module)


def _drive(main: Any, **_: Any) -> Any:
    """`asyncio.run`, as far as a coroutine comes without waiting."""
    try:
        main.send(None)
    except StopIteration as end:
        return end.value
    main.close()
    return None


def _made(candidate: Any) -> Any:
    """The application that a coroutine makes, where it makes it without waiting."""
    if not inspect.iscoroutine(candidate):
        return candidate
    made = _drive(candidate)
    if made is None:
        raise Unfit(
            "the coroutine that makes the application waits for something; do that in app.on_startup, which is "
            "awaited before the first request"
        )
    return made


def _application(module: Any) -> Application:
    named = [_made(candidate) for candidate in web_runner.registered()]
    web_runner.registered().clear()
    if not named:
        inside = [value for value in vars(module).values() if isinstance(value, Application)]
        below = {id(sub) for app in inside for sub in app._subapps}
        named = list({id(app): app for app in inside if id(app) not in below}.values())
    if not named:
        for name in _FACTORIES:
            factory = getattr(module, name, None)
            if callable(factory) and not any(
                parameter.default is parameter.empty for parameter in inspect.signature(factory).parameters.values()
            ):
                made = _made(factory())
                named = [made] if isinstance(made, Application) else [_made(app) for app in web_runner.registered()]
            if named:
                break
    if not named:
        raise Unfit("there is no aiohttp.web.Application; end the file with `web.run_app(app)`")
    if len(named) > 1:
        raise Unfit(f"there are {len(named)} applications; name the one that is served by `web.run_app(app)`")
    app = named[0]
    if not isinstance(app, Application):
        raise Unfit(f"web.run_app was given a {type(app).__name__}, and takes an aiohttp.web.Application")
    app.freeze()
    return app


def entries(app: Application) -> Iterator[tuple[int, Resource, AbstractRoute, tuple[Application, ...]]]:
    """Its routes, counted."""
    number = 0
    for resource, route, apps in app.entries():
        if route is not None and isinstance(resource, Resource):
            yield number, resource, route, apps
            number += 1


def statics(app: Application) -> Iterator[StaticResource]:
    """Its folders of files."""
    for resource, _, _ in app.entries():
        if isinstance(resource, StaticResource):
            yield resource


def pattern(resource: Resource) -> str:
    """The path in the server's grammar."""
    text = ""
    pieces = resource.pieces
    for at, piece in enumerate(pieces):
        if isinstance(piece, str):
            text += piece
            continue
        name, expression = piece
        if expression in _ANYTHING and at == len(pieces) - 1 and text.endswith("/"):
            text += "{*%s}" % name
        elif expression is None:
            text += "{%s}" % name
        elif expression in _ANYTHING or "/" in re.sub(r"\[\^[^]]*\]", "", expression):
            raise Unfit(
                f"the parameter {{{name}:{expression}}} of {resource.path} would match more than its segment; here only "
                f"a last one can, as {{{name}:.*}}"
            )
        else:
            # A word alone would be the name of a type.
            text += "{%s:%s}" % (name, f"(?:{expression})" if _WORD.fullmatch(expression) else expression)
    return text or "/"


def shape(app: Application) -> list[str]:
    """Its routes, in a line each, to compare."""
    return [f"{route.method} {resource.path}" for _, resource, route, _ in entries(app)]
