"""The inside of a component, as it is made: the application is run, and all that it may need
later is imported, since a component has no files to import from."""

from __future__ import annotations

import ast
import asyncio
import importlib
import linecache
import os
import sys
import warnings
from pathlib import Path

from . import calls, log
from .loop import Loop

# What the standard library, or we, import when it is first needed.
_LATER = (
    "_strptime base64 binascii email.header email.utils encodings.ascii encodings.cp1252 encodings.idna "
    "encodings.latin_1 encodings.utf_16 encodings.utf_8 encodings.utf_8_sig hashlib html http.cookies inspect "
    "ipaddress json mimetypes quopri random secrets stringprep traceback unicodedata urllib.parse uuid "
    "asyncio.staggered asyncio.taskgroups asyncio.timeouts aiohttp.client aiohttp.formdata "
    "patchboard._runtime.outbound patchboard._runtime.tasks"
).split()


def _import(name: str) -> None:
    try:
        importlib.import_module(name)
    except Exception:  # noqa: BLE001 (who needs it will say so)
        return


def _imports_inside(source: str) -> set[str]:
    """The modules that functions of a file import when they are called."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def _keep(folder: Path) -> None:
    """Keeps the lines that tracebacks show, and imports what is imported late."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        lines = linecache.getlines(file)
        if lines:
            # Without a time it is never looked for again.
            linecache.cache[file] = (sum(map(len, lines)), None, lines, file)
        if Path(file).is_relative_to(folder):
            for name in _imports_inside("".join(lines)):
                _import(name)


def handler(file: str, routes: list[str]) -> type:
    """The class that the toolchain looks for, of the application in `file`."""
    # Its policies are harmless here.
    warnings.filterwarnings("ignore", "'asyncio.*event_loop_policy", DeprecationWarning)
    loop = Loop()
    calls.install(loop)
    streams = log.install()
    asyncio.events._set_running_loop(None)
    for name in _LATER:
        _import(name)
    from . import application, export

    path = Path(file)
    os.chdir(path.parent)
    app = application.run(path)
    found = application.shape(app)
    if found != routes:
        raise SystemExit(f"{path.name} has other routes inside a component ({found}) than outside ({routes})")
    by_id = {number: (route, apps) for number, _, route, apps in application.entries(app)}
    _keep(path.parent)
    for stream in streams:
        stream.begin()
    asyncio.events._set_running_loop(loop)
    return export.handler(app, by_id)
