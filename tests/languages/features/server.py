"""What a handler in Python has of the server, by the package's names: a route for each."""

import asyncio
import logging

import aiohttp
import aiohttp_session
import patchboard
from aiohttp import web
from patchboard import blob, config, key_value, sql

routes = web.RouteTableDef()
logger = logging.getLogger("features")
EVENT = asyncio.Event()
ITEMS: asyncio.Queue[str] = asyncio.Queue(10)
CANCELLED: list[str] = []


@routes.get("/f/key-value")
async def use_key_value(request):
    bucket = key_value.open("default")
    await bucket.set("a", b"1")
    total = await bucket.increment("a", 41)
    swapped = await bucket.compare_and_swap("a", b"nothing", b"2")
    await bucket.set_many({"b": b"x", "c": b"y"})
    keys = [key async for key in bucket.keys()]
    try:
        key_value.open("other")
    except key_value.Error as error:
        return web.json_response([total, swapped, keys, sorted(await bucket.get_many(["a", "none"])), str(error)])


@routes.get("/f/sql")
async def use_sql(request):
    database = sql.open("notes")
    await database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT)")
    async with database.begin() as transaction:
        await transaction.execute("INSERT INTO notes VALUES ($1, $2)", 7, "seven")
    try:
        async with database.begin() as transaction:
            await transaction.execute("INSERT INTO notes VALUES ($1, $2)", 8, "eight")
            raise LookupError("rolls back")
    except LookupError:
        pass
    try:
        await database.execute("INSERT INTO notes VALUES ($1, $2)", 7, None)
    except sql.ConstraintError as error:
        kind = error.kind
    rows = [dict(row) async for row in database.query("SELECT id, text FROM notes ORDER BY id")]
    return web.json_response([rows, kind, (await database.row("SELECT count(*) AS n FROM notes"))["n"]])


@routes.get("/f/blob")
async def use_blob(request):
    async def pieces():
        for number in range(100):
            yield b"%02d" % number * 1000

    folder = blob.open("files")
    put = await folder.put("a/b.txt", pieces())
    async with await folder.get("a/b.txt", offset=2000, length=4) as found:
        part = await found.read()
    async with await folder.get("a/b.txt") as found:
        whole = len(await found.read())
    names = [name async for name, _ in folder.list("a/")]
    try:
        await folder.get("none")
    except blob.NotFoundError:
        return web.json_response([put.size, part.decode(), whole, names, await folder.delete("a/b.txt")])


@routes.get("/f/config")
async def use_config(request):
    return web.json_response([config.get("currency"), config.get("none", "default")])


@routes.get("/f/urls", name="urls")
async def use_urls(request):
    return web.json_response([patchboard.url_for("urls", query={"a": "b c"}), str(request.app.router["urls"].url_for())])


@routes.get("/f/client")
async def use_client(request):
    found = []
    async with aiohttp.ClientSession("http://self", headers={"X-Own": "1"}) as session:
        async with session.post("/f/echo", json={"a": 1}, params={"q": "ü"}) as answer:
            found.append([answer.status, await answer.json()])
        async with session.post("/f/echo", data=b"x" * 200_000) as answer:
            found.append((await answer.json())["length"])
        async with session.get("/f/large") as answer:
            found.append(sum([len(piece) async for piece in answer.content.iter_chunked(10_000)]))
        form = aiohttp.FormData({"a": "1"})
        form.add_field("file", b"content", filename="f.txt")
        async with session.post("/f/form", data=form) as answer:
            found.append(await answer.json())
        async with session.get("/f/moved") as answer:
            found.append([answer.status, str(answer.url), len(answer.history)])
        for what, options in [
            ("/f/nowhere", {"raise_for_status": True}),
            ("/f/long", {"timeout": aiohttp.ClientTimeout(total=0.05)}),
            ("http://example.org/", {}),
            ("ftp://self/", {}),
        ]:
            try:
                await session.get(what, **options)
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                found.append(type(error).__name__)
    return web.json_response(found)


@routes.route("*", "/f/echo")
async def echo(request):
    body = await request.read()
    return web.json_response(
        {
            "method": request.method, "own": request.headers.get("X-Own"), "query": dict(request.query),
            "type": request.content_type, "length": len(body), "start": body[:20].decode(),
        }
    )


@routes.post("/f/form")
async def form(request):
    data = await request.post()
    return web.json_response({name: getattr(value, "filename", value) for name, value in data.items()})


@routes.post("/f/lines")
async def lines(request):
    part = await (await request.multipart()).next()
    return web.json_response([(await part.readline()).decode(), (await part.read()).decode(), part.at_eof()])


@routes.get("/f/large")
async def large(request):
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(50):
        await response.write(b"x" * 10_000)
    return response


@routes.get("/f/moved")
async def moved(request):
    raise web.HTTPFound("/f/echo?moved=1")


@routes.get("/f/long")
async def long(request):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        CANCELLED.append(request.query.get("who", "?"))
        logger.warning("cancelled: %s", request.query.get("who"))
        raise


@routes.get("/f/sleep")
async def sleep(request):
    await asyncio.sleep(1)
    return web.Response(text="slept")


@routes.get("/f/cancelled")
async def cancelled(request):
    return web.json_response(CANCELLED)


@routes.get("/f/wait")
async def wait(request):
    """Waits for what another call does."""
    await asyncio.wait_for(EVENT.wait(), 10)
    return web.Response(text=await ITEMS.get())


@routes.get("/f/set")
async def set_event(request):
    EVENT.set()
    ITEMS.put_nowait("from another call")
    return web.Response(text="set")


@routes.get("/f/after")
async def after(request):
    async def write_later():
        await asyncio.sleep(0.1)
        logger.info("after the response")

    async def fails():
        await asyncio.sleep(0.05)
        raise ValueError("on purpose")

    request.app["tasks"] = [asyncio.create_task(write_later()), asyncio.create_task(fails(), name="failing")]
    return web.Response(text="begun")


@routes.get("/f/crash")
async def crash(request):
    print("printed")
    logger.debug("not shown")
    logger.error("an error")
    raise ValueError("on purpose")


@routes.get("/f/cut")
async def cut(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"half")
    # What fails before the server has sent the head is an error instead.
    await asyncio.sleep(0.1)
    raise ValueError("in the middle")


@routes.get("/f/late")
async def late(request):
    import colorsys

    return web.Response(text=str(colorsys.rgb_to_hsv(0, 0, 0)))


@routes.get("/f/session")
async def use_session(request):
    session = await aiohttp_session.get_session(request)
    session["visits"] = session.get("visits", 0) + 1
    return web.json_response(session["visits"])


logging.basicConfig(level=logging.INFO, format="%(message)s")
app = web.Application(client_max_size=10 * 1024 * 1024)
app["tasks"] = []
app["patchboard.instances"] = 1
aiohttp_session.setup(app, aiohttp_session.SignedCookieStorage("a secret of thirty-two characters"))
app.add_routes(routes)
web.run_app(app)
