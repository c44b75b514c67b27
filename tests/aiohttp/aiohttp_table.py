"""Asks aiohttp's UrlDispatcher for every request of table.json, and prints, as JSON,
what it found. aiohttp.json is the record of that, which the test of our router
compares with what ours answers; another test runs this and holds it to the record.

    cargo xtask python
    cd tests/aiohttp
    ../../target/python/bin/python aiohttp_table.py table.json > aiohttp.json
"""

import asyncio
import json
import sys

import aiohttp
from aiohttp import web
from aiohttp.test_utils import make_mocked_request


async def handler(_request):
    return web.Response()


def build(routes):
    app = web.Application()
    hosts = {}
    refused = []
    for number, text in enumerate(routes):
        method, _, pattern = text.partition(" ")
        router = app.router
        if not pattern.startswith("/"):
            host, slash, path = pattern.partition("/")
            pattern = slash + path
            if host not in hosts:
                hosts[host] = web.Application()
            router = hosts[host].router
        try:
            if method == "GET":
                route = router.add_get(pattern, handler)  # with HEAD
            else:
                route = router.add_route(method, pattern, handler)
            for sibling in route.resource:
                if not hasattr(sibling, "number"):
                    sibling.number = number
        except (ValueError, RuntimeError, AssertionError):
            # Without the text, whose wording is that of the Python that runs this.
            refused.append(number)
    for host, sub in hosts.items():
        app.add_domain(host, sub)
    app.freeze()
    return app, refused


async def ask(app, request):
    method, _, target = request.partition(" ")
    host, slash, path = target.partition("/")
    headers = {"Host": host or "localhost"}
    try:
        message = make_mocked_request(method, slash + path, headers=headers, app=app)
        found = await app.router.resolve(message)
    except Exception as error:  # a request that it cannot even read
        return {"status": 400, "error": type(error).__name__}
    if found.http_exception is not None:
        result = {"status": found.http_exception.status}
        if result["status"] == 405:
            result["allow"] = sorted(found.http_exception.allowed_methods)
        return result
    return {"status": 200, "route": found.route.number, "parameters": dict(found)}


async def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        groups = json.load(file)["groups"]
    answers = []
    for group in groups:
        app, refused = build([entry["aiohttp"] if isinstance(entry, dict) else entry for entry in group["routes"]])
        found = []
        for entry in group["requests"]:
            request = entry["request"] if isinstance(entry, dict) else entry
            found.append(await ask(app, request))
        answers.append({"name": group["name"], "refused": refused, "answers": found})
    # With an end of line, and in UTF-8 whatever the locale.
    record = json.dumps({"aiohttp": aiohttp.__version__, "groups": answers}, indent=1, ensure_ascii=False)
    sys.stdout.buffer.write(record.encode() + b"\n")


asyncio.run(main())
