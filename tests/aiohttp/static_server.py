"""Serves a folder by aiohttp's static resource, mounted as static.json says.

    ../../target/python/bin/python static_server.py static.json FOLDER

Its first line is its address, and the Python that runs it. It ends with its standard
input, and so with whoever started it, however that ends. `/-/version` answers with
the version that `url_for` appends to the URL of a file.
"""

import asyncio
import json
import logging
import pathlib
import platform
import sys

from aiohttp import web


def build(mounts, folder):
    app = web.Application()

    async def version(request):
        mount = app.router[request.query["mount"]]
        url = mount.url_for(filename=request.query["file"], append_version=True)
        return web.Response(text=url.query["v"])

    app.router.add_get("/-/version", version)
    for mount in mounts:
        name = "mount" + mount["prefix"].replace("/", ".")
        app.router.add_static(mount["prefix"], folder / mount["dir"], name=name, **mount["aiohttp"])
    return app


async def main():
    # What it makes of a request is in its answer.
    logging.getLogger("aiohttp.server").disabled = True
    mounts = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["mounts"]
    runner = web.AppRunner(build(mounts, pathlib.Path(sys.argv[2])), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    print(f"listening on http://{host}:{port} with Python {platform.python_version()}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await runner.cleanup()


asyncio.run(main())
