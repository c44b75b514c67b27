"""Reads an application: its routes, what it imports of the server, and what is in the way.

It is run by the Python of the build, isolated, with the file's path; what it finds is a line
of JSON on standard output, after whatever the application prints.
"""

from __future__ import annotations

import ast
import io
import json
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

MARK = "patchboard:application:"


def _sources(folder: Path, deps: Path | None) -> dict[Path, str]:
    """The application's own files, as far as they were imported."""
    found = {}
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if not file or not file.endswith(".py"):
            continue
        path = Path(file).resolve()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts) if path.is_relative_to(folder) else True
        if not hidden and (deps is None or not path.is_relative_to(deps)):
            found[path] = path.read_text()
    return found


def _imports(sources: dict[Path, str]) -> list[str]:
    """The interfaces that the component has to import."""
    loaded = set(sys.modules)
    wanted = {
        name
        for name in ("sql", "key_value", "blob", "config")
        if f"patchboard.{name}" in loaded
    }
    for source in sources.values():
        for node in ast.walk(ast.parse(source)):
            name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else None
            if isinstance(node, ast.ImportFrom) and node.module == "aiohttp":
                wanted.update("outbound" for alias in node.names if alias.name in ("ClientSession", "request"))
            if name == "ClientSession":
                wanted.add("outbound")
    return sorted(wanted)


def _names(entries: Any) -> list[str]:
    """A name for each route: its own, or that of its function; no two patterns share one."""
    taken: dict[str, str] = {resource.name: resource.path for _, resource, _, _ in entries if resource.name}
    names = []
    for _, resource, route, _ in entries:
        name = resource.name
        if name is None:
            base = getattr(route.handler, "__name__", None) or type(route.handler).__name__
            base = base if base.isidentifier() else "handler"
            name, number = base, 2
            while taken.get(name, resource.path) != resource.path:
                name, number = f"{base}_{number}", number + 1
            taken[name] = resource.path
        names.append(name)
    return names


def read(file: Path, deps: Path | None) -> dict[str, Any]:
    """What the build has to know, or `problems`."""
    from patchboard._build import blocking
    from patchboard._runtime import application

    folder = file.parent
    # Before it is run, as what it imports may not even be there.
    try:
        problems = blocking.found(Path(file.name), file.read_text())
    except SyntaxError as error:
        problems = [f"{file.name}:{error.lineno}: {error.msg}"]
    if problems:
        return {"problems": problems}
    try:
        app = application.run(file)
        entries = list(application.entries(app))
        routes = [
            {"id": number, "method": route.method, "pattern": application.pattern(resource), "name": name}
            for (number, resource, route, _), name in zip(entries, _names(entries))
        ]
    except application.Unfit as error:
        return {"problems": [f"{file.name}: {error}"]}
    except ModuleNotFoundError as error:
        return {"problems": [
            f"{_place(error, folder) or file.name}: there is no module `{error.name}`; write its package into requirements.txt"
        ]}
    except BaseException as error:
        return {"problems": [f"{_place(error, folder) or file.name}: {_said(error)}"]}
    sources = _sources(folder, deps)
    for path, source in sources.items():
        problems += blocking.found(path.relative_to(folder), source)
    if problems:
        return {"problems": problems}
    instances = app.get("patchboard.instances")
    return {
        "routes": routes,
        "shape": application.shape(app),
        "imports": _imports(sources),
        "instances": instances if isinstance(instances, int) else None,
        "statics": [
            {"prefix": static.canonical or "/", "dir": static.directory, "name": static.name, "show_index": static.show_index}
            for static in application.statics(app)
        ],
    }


def _place(error: BaseException, folder: Path) -> str | None:
    """The author's own line that an error came from."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_absolute() and path.is_relative_to(folder) and "/." not in str(path.relative_to(folder)):
            return f"{path.relative_to(folder)}:{frame.lineno}"
    return None


def _said(error: BaseException) -> str:
    return traceback.format_exception_only(error)[-1].strip()


def main() -> None:
    package, file, deps = Path(sys.argv[1]), Path(sys.argv[2]).resolve(), sys.argv[3:]
    folders = [str(file.parent), str(package), *deps]
    sys.path[:0] = folders
    printed = io.StringIO()
    with redirect_stdout(printed):
        found = read(file, Path(deps[0]).resolve() if deps else None)
    print(MARK + json.dumps(found))


if __name__ == "__main__":
    main()
