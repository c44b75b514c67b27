"""Imports that would hold every call of a handler, or have nothing to work with there."""

from __future__ import annotations

import ast
from pathlib import Path

_CLIENT = "it waits with the whole handler, which has no sockets; use aiohttp.ClientSession"
_SQL = "a handler has no sockets and no files; use patchboard.sql, which awaits a database that is granted"
_CACHE = "a handler has no sockets; use patchboard.key_value, which awaits a bucket that is granted"
_PROCESS = "a handler is one thread of one process; use asyncio.create_task, or another handler"

BLOCKING = {
    "requests": _CLIENT,
    "urllib3": _CLIENT,
    "httpx": _CLIENT,
    "http.client": _CLIENT,
    "urllib.request": _CLIENT,
    "pycurl": _CLIENT,
    "httplib2": _CLIENT,
    "ftplib": _CLIENT,
    "smtplib": _CLIENT,
    "psycopg": _SQL,
    "psycopg2": _SQL,
    "asyncpg": _SQL,
    "aiosqlite": _SQL,
    "sqlite3": _SQL,
    "pymysql": _SQL,
    "sqlalchemy": _SQL,
    "redis": _CACHE,
    "aioredis": _CACHE,
    "pymemcache": _CACHE,
    "subprocess": _PROCESS,
    "multiprocessing": _PROCESS,
    "gunicorn": _PROCESS,
}


def _why(name: str) -> str | None:
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if why := BLOCKING.get(".".join(parts[:end])):
            return why
    return None


def found(file: Path, source: str) -> list[str]:
    """Each such import of a file, with its line and what to do."""
    problems = []
    for node in ast.walk(ast.parse(source, str(file))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        for name in names:
            if why := _why(name):
                problems.append(f"{file}:{node.lineno}: `import {name}`: {why}")
                break
    return problems
