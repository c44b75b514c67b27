"""What the benchmark's handlers do, by aiohttp on uvloop, with its defaults.

    aiohttp_server.py PORT WORKERS on|off

Each worker is a process with a socket of its own (SO_REUSEPORT). The last argument
says whether there is an access log, on standard output. The workers read a pipe that
only the first process writes to: it ends with that, and so do they.
"""

import asyncio
import json
import logging
import os
import sys

from aiohttp import web
import uvloop

# Where the handlers' lines go, each at once, as those of ours do.
LOG = open(os.devnull, "w", encoding="utf-8", buffering=1)
CHUNK = b"0123456789abcdef" * (4 << 10)
CHUNKS = (10 << 20) // len(CHUNK)
# The default writes spaces between values; ours writes none, and both answer the same.
dumps = json.JSONEncoder(separators=(",", ":")).encode
routes = web.RouteTableDef()


@routes.post("/demo1/{name}")
async def demo1(request):
    """As guest-handlers/demo1."""
    name = request.match_info["name"]
    print(f"demo1: the head has arrived, name is {name!r}", file=LOG)
    form = await request.post()
    key = form["key"]
    print(f"demo1: the body has arrived, key is {key!r}", file=LOG)
    return web.json_response({"name": name, "key": key}, dumps=dumps)


@routes.get("/sleep")
async def sleep(_request):
    await asyncio.sleep(0.05)
    return web.Response(text="slept")


@routes.post("/echo")
async def echo(request):
    return web.json_response(await request.json(), dumps=dumps)


@routes.post("/count")
async def count(request):
    length = 0
    async for chunk in request.content.iter_any():
        length += len(chunk)
    return web.Response(text=str(length))


@routes.get("/stream")
async def stream(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(CHUNKS):
        await response.write(CHUNK)
    await response.write_eof()
    return response


async def serve(port, access_log, pipe):
    # It complains of clients that end while they are served, as the load does at its end;
    # the load complains of what it is not answered.
    logging.getLogger("aiohttp.server").disabled = True
    if access_log:
        web_log = logging.getLogger("aiohttp.access")
        web_log.addHandler(logging.StreamHandler(sys.stdout))
        web_log.setLevel(logging.INFO)
    app = web.Application()
    app.add_routes(routes)
    runner = web.AppRunner(app, **({} if access_log else {"access_log": None}))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, reuse_port=True).start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe, ended.set)
    await ended.wait()


def main():
    port, workers, access_log = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "on"
    reader, writer = os.pipe()
    for _ in range(workers):
        if os.fork() == 0:
            os.close(writer)
            uvloop.run(serve(port, access_log, reader))
            return
    _, status = os.wait()
    sys.exit(f"a worker has ended (status {status})")


main()
