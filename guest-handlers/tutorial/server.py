"""The tutorial's server: coroutines that wait for the body of a form, and for each other.

It runs by itself, with aiohttp and uvloop from PyPI:

    python guest-handlers/tutorial/server.py --port 8081

and as a handler, where `patchboard build` has made a component of this same file. The paths
are the same in both, below /tutorial.
"""

import argparse
import asyncio
import logging
import os
from datetime import datetime
from pathlib import Path
from string import Template

import uvloop
from aiohttp import ClientSession, web

logger = logging.getLogger("tutorial")
routes = web.RouteTableDef()

# Read once, when the file is run: a component has no files later.
PAGE = Template((Path(__file__).parent / "page.html").read_text(encoding="utf-8"))
# What has been greeted, by name. Each instance of a handler has a table of its own.
GREETED = web.AppKey("greeted", dict)
# Where demo2 asks. As a handler it asks the server that it is part of, as the configuration says.
ORIGIN = web.AppKey("origin", str)


@routes.get("/", name="index")
async def index(request: web.Request) -> web.Response:
    """A page, made of a template and the table."""
    greeted = request.app[GREETED]
    rows = "".join(f"<tr><td>{number}</td></tr>" for number in greeted.values())
    page = PAGE.substitute(
        css=request.app.router["css"].url_for(filename="tutorial.css"),
        demo1=request.app.router["demo1"].url_for(name="Ada"),
        count=len(greeted),
        rows=rows,
    )
    return web.Response(text=page, content_type="text/html")


@routes.post("/demo1/{name}", name="demo1")
async def demo1(request: web.Request) -> web.Response:
    """Is called when the head is there; the body may take its time."""
    name = request.match_info["name"]
    print(f"{datetime.now():%H:%M:%S.%f} {name}: the head has arrived")
    logger.info("a form for %s begins", name)
    # While this waits, other requests are answered.
    form = await request.post()
    print(f"{datetime.now():%H:%M:%S.%f} {name}: the body has arrived")
    logger.info("a form for %s has %d fields", name, len(form))
    greeted = request.app[GREETED]
    if name in greeted or len(greeted) < 1000:
        greeted[name] = greeted.get(name, 0) + 1
    fields = {key: value if isinstance(value, str) else value.filename for key, value in form.items()}
    return web.json_response({"name": name, "fields": fields})


@routes.post("/demo2", name="demo2")
async def demo2(request: web.Request) -> web.Response:
    """Asks another server, which here is this one, and awaits what it says."""
    form = await request.post()
    url = request.app.router["demo1"].url_for(name="from-demo2")
    origin = os.environ.get("ORIGIN", request.app[ORIGIN])
    async with ClientSession() as session:
        async with session.post(f"{origin}{url}", data=dict(form)) as answer:
            return web.json_response({"status": answer.status, "answer": await answer.json()})


def application(origin: str) -> web.Application:
    """The application, below /tutorial."""
    tutorial = web.Application()
    tutorial[GREETED] = {}
    tutorial[ORIGIN] = origin
    tutorial.add_routes(routes)
    tutorial.router.add_static("/css", Path(__file__).parent / "static", name="css")
    app = web.Application()
    app.add_subapp("/tutorial", tutorial)
    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The tutorial's server")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8081)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    app = application(f"http://{arguments.host}:{arguments.port}")
    web.run_app(app, host=arguments.host, port=arguments.port)
