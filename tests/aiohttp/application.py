"""An application that is run by aiohttp, and as a handler; both are asked the same.

It uses of aiohttp.web what servers use; each route answers with what it saw.
"""

import asyncio
import json
import logging
from datetime import datetime, timezone

from aiohttp import BasicAuth, MultipartReader, web
from multidict import CIMultiDict, MultiDict
from yarl import URL

routes = web.RouteTableDef()
STARTED = web.AppKey("started", list)
LOCK = web.AppKey("lock", asyncio.Lock)


def saw(**what):
    return web.json_response(what)


@routes.get("/text", name="text")
async def text(request):
    return web.Response(text="some text: grüße")


@routes.get("/bytes")
async def some_bytes(request):
    return web.Response(body=b"\x00\x01\x02")


@routes.get("/empty")
async def empty(request):
    return web.Response()


@routes.get("/html")
async def html(request):
    return web.Response(text="<p>hi</p>", content_type="text/html")


@routes.get("/charset")
async def charset(request):
    return web.Response(text="grüße", content_type="text/plain", charset="latin-1")


@routes.get("/json")
async def some_json(request):
    return web.json_response({"a": [1, 2.5, None, True], "ü": "ß"}, headers={"X-Kind": "json"})


@routes.get("/dumps")
async def dumps(request):
    return web.json_response({"b": 1, "a": 2}, dumps=lambda data: json.dumps(data, sort_keys=True), status=201)


@routes.get("/status/{status:[1-5][0-9][0-9]}")
async def status(request):
    return web.Response(status=int(request.match_info["status"]), text="a body")


@routes.get("/raise/{name}")
async def raises(request):
    raise getattr(web, request.match_info["name"])()


@routes.get("/raise-with")
async def raises_with(request):
    raise web.HTTPForbidden(text="not you", headers={"X-Why": "because"}, content_type="text/html")


@routes.get("/move/{name}")
async def moves(request):
    raise getattr(web, request.match_info["name"])("/text?a=b c")


@routes.get("/not-allowed")
async def not_allowed(request):
    raise web.HTTPMethodNotAllowed("GET", ["POST", "PUT"])


@routes.get("/crash")
async def crash(request):
    raise ValueError("on purpose")


@routes.get("/nothing")
async def nothing(request):
    return None


@routes.get("/wrong")
async def wrong(request):
    return "a string"


@routes.get("/query")
async def query(request):
    return saw(
        query=list(request.query.items()), all=request.query.getall("a", []), one=request.query.get("a"),
        string=request.query_string, path=request.path, qs=request.path_qs,
    )


@routes.get("/url")
async def url(request):
    own = request.url
    return saw(path=own.path, query=dict(own.query), scheme=own.scheme, rel=str(request.rel_url), host=request.host)


@routes.get("/headers")
async def headers(request):
    return saw(
        one=request.headers.get("x-one"), all=request.headers.getall("X-Many", []), has="X-ONE" in request.headers,
        kind=request.content_type, charset=request.charset, length=request.content_length,
    )


@routes.get("/many")
async def many(request):
    fields = CIMultiDict([("X-A", "1"), ("X-A", "2"), ("X-B", "3")])
    return web.Response(text="many", headers=fields)


@routes.get("/cookies")
async def cookies(request):
    return saw(**request.cookies)


@routes.get("/set-cookies")
async def set_cookies(request):
    response = web.Response(text="set")
    response.set_cookie("a", "1")
    response.set_cookie("b", "x y", max_age=60, path="/b", secure=True, httponly=True, samesite="Lax")
    response.del_cookie("c")
    return response


@routes.get("/auth")
async def auth(request):
    try:
        return saw(login=BasicAuth.decode(request.headers["Authorization"]).login)
    except (KeyError, ValueError):
        raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Basic"}) from None


@routes.get("/dates")
async def dates(request):
    response = web.Response(text=str(request.if_modified_since))
    response.last_modified = datetime(2020, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    response.etag = "abc"
    return response


@routes.get("/range")
async def a_range(request):
    try:
        asked = request.http_range
    except ValueError as error:
        raise web.HTTPBadRequest(text=str(error)) from None
    return saw(start=asked.start, stop=asked.stop)


@routes.get("/items/{id:\\d+}", name="item")
async def item(request):
    return saw(id=request.match_info["id"], url=str(request.app.router["item"].url_for(id="7").with_query(a="b c")))


@routes.get("/{first}-{second}.txt")
async def shape(request):
    return saw(**request.match_info)


@routes.get("/tail/{rest:.*}", name="tail")
async def tail(request):
    return saw(rest=request.match_info["rest"], url=str(request.app.router["tail"].url_for(rest="a/b c/ü")))


@routes.post("/form")
async def form(request):
    data = await request.post()
    fields = []
    for name, value in data.items():
        if isinstance(value, web.FileField):
            content = value.file.read()
            value = [value.filename, value.content_type, len(content), content[:20].decode("latin-1")]
        elif isinstance(value, (bytes, bytearray)):
            value = ["bytes", value.decode("latin-1")]
        fields.append([name, value])
    return saw(fields=fields, again=len(await request.post()))


@routes.post("/parts")
async def parts(request):
    found = []
    async for part in await request.multipart():
        if isinstance(part, MultipartReader):
            found.append("nested")
            continue
        size = 0
        while chunk := await part.read_chunk(1000):
            size += len(chunk)
        found.append([part.name, part.filename, part.headers.get("Content-Type"), size])
    return saw(parts=found)


@routes.post("/json")
async def post_json(request):
    try:
        return saw(got=await request.json())
    except json.JSONDecodeError as error:
        raise web.HTTPBadRequest(text=f"no JSON: {error.msg}") from None


@routes.post("/text")
async def post_text(request):
    return saw(text=await request.text(), again=await request.text())


@routes.route("*", "/echo")
async def echo(request):
    return web.Response(body=await request.read(), content_type=request.content_type, headers={"X-Method": request.method})


@routes.post("/size")
async def size(request):
    total = 0
    async for chunk in request.content.iter_chunked(1000):
        assert 0 < len(chunk) <= 1000
        total += len(chunk)
    return saw(total=total, exists=request.body_exists, eof=request.content.at_eof())


@routes.post("/lines")
async def lines(request):
    return saw(lines=[line.decode() async for line in request.content])


@routes.post("/exactly")
async def exactly(request):
    first = await request.content.readexactly(4)
    return saw(first=first.decode(), rest=(await request.content.read()).decode())


@routes.post("/unread")
async def unread(request):
    return saw(can=request.can_read_body)


@routes.get("/stream")
async def stream(request):
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    for number in range(5):
        await response.write(b"piece %d\n" % number)
        await asyncio.sleep(0.001)
    await response.write_eof(b"end\n")
    return response


@routes.get("/stream-length")
async def stream_length(request):
    response = web.StreamResponse(status=203)
    response.content_type = "text/csv"
    response.content_length = 6
    await response.prepare(request)
    await response.write(b"abc")
    await response.write(b"def")
    return response


@routes.get("/large")
async def large(request):
    return web.Response(body=b"0123456789" * 50_000)


@routes.get("/sleep")
async def sleep(request):
    loop = asyncio.get_running_loop()
    begun = loop.time()
    await asyncio.sleep(0.02)
    return saw(waited=loop.time() - begun >= 0.019)


@routes.get("/gather")
async def gather(request):
    async def after(delay, value):
        await asyncio.sleep(delay)
        return value

    found = await asyncio.gather(after(0.02, 1), after(0.01, 2), return_exceptions=True)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(0.001, 3))
    return saw(found=found, task=task.result())


@routes.get("/timeouts")
async def timeouts(request):
    found = []
    try:
        await asyncio.wait_for(asyncio.sleep(5), 0.01)
    except asyncio.TimeoutError:
        found.append("wait_for")
    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        found.append("timeout")
    task = asyncio.create_task(asyncio.sleep(5))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        found.append("cancelled")
    return saw(found=found)


@routes.get("/queue")
async def queue(request):
    items, event = asyncio.Queue(2), asyncio.Event()

    async def put():
        for number in range(5):
            await items.put(number)
        event.set()

    task = asyncio.create_task(put())
    found = [await items.get() for _ in range(5)]
    await event.wait()
    await task
    async with request.app[LOCK]:
        found.append("locked")
    return saw(found=found)


@routes.get("/executor")
async def executor(request):
    return saw(found=await asyncio.get_running_loop().run_in_executor(None, sum, [1, 2, 3]))


@routes.get("/started")
async def started(request):
    return saw(started=request.app[STARTED])


@routes.get("/kept")
async def kept(request):
    request["a"] = 1
    return saw(a=request["a"], has="b" in request, app=request.app is request.match_info.apps[0])


@routes.get("/names")
async def names(request):
    return saw(names=sorted(request.app.router.named_resources()), url=str(request.app.router["text"].url_for()))


@routes.get("/urls")
async def urls(request):
    made = URL("http://example.org/a/b?x=1") / "c"
    return saw(
        joined=str(made), query=str(made.with_query({"q": "ü &"})), host=made.host, parts=made.parts,
        multi=MultiDict([("a", 1), ("a", 2)]).getall("a"), update=str(URL("/p?x=1") % {"y": "2"}),
    )


@routes.view("/view")
class View(web.View):
    async def get(self):
        return saw(view="get", query=dict(self.request.query))

    async def post(self):
        return saw(view="post", body=await self.request.text())


@web.middleware
async def outer(request, handler):
    if request.query.get("stop") == "outer":
        return web.Response(text="stopped by outer")
    try:
        response = await handler(request)
    except web.HTTPNotFound as error:
        if request.query.get("soften"):
            return web.Response(text=f"softened: {error.status}")
        raise
    response.headers.setdefault("X-Outer", "1")
    return response


@web.middleware
async def inner(request, handler):
    request["inner"] = request.app is request.match_info.apps[-1]
    response = await handler(request)
    response.headers["X-Inner"] = "1"
    return response


async def below(request):
    return saw(
        app=request.app["name"], inner=request["inner"], config=request.config_dict["name"],
        url=str(request.app.router["below"].url_for(x="1")), x=request.match_info["x"],
    )


async def prepared(request, response):
    response.headers["X-Prepared"] = "1"


async def start(app):
    app[STARTED].append("on_startup")
    app[LOCK] = asyncio.Lock()


async def context(app):
    app[STARTED].append("cleanup_ctx")
    yield


def application():
    app = web.Application(middlewares=[outer], client_max_size=200_000)
    app[STARTED] = []
    app[LOCK] = None
    app["name"] = "root"
    app.on_startup.append(start)
    app.cleanup_ctx.append(context)
    app.on_response_prepare.append(prepared)
    app.add_routes(routes)
    sub = web.Application(middlewares=[inner])
    sub["name"] = "sub"
    sub.router.add_get("/below/{x}", below, name="below")
    deeper = web.Application()
    deeper["name"] = "deeper"
    deeper.router.add_post("/form", form)
    sub.add_subapp("/deeper", deeper)
    app.add_subapp("/sub", sub)
    return app


app = application()
logging.getLogger("tests").info("the application is there")
