"""Every import of the contract from Python, by hand: `/py/NAME` uses one, and says what it gave."""

import asyncio

import wit_world
from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import blob, call, key_value, outbound, routing, sql
from wit_world.imports import outbound_types, sql_types
from wit_world.imports import patchboard_handler_types as types
from wit_world.imports import wasi_clocks_monotonic_clock_0_3_0 as clock

NO_FIELDS = types.Fields(b"", [])


async def use_key_value(request):
    with key_value.Bucket.open("default") as bucket:
        await bucket.set("a", b"1")
        total = await bucket.increment("a", 41)
        value = await bucket.get("a")
        try:
            await bucket.compare_and_swap("a", b"nothing", b"2")
        except Err as error:
            found = error.value.value
        return f"{total} {value.decode()} {found.decode()}"


async def use_sql(request):
    with sql.Database.open("notes") as database:
        await database.execute("CREATE TABLE IF NOT EXISTS notes (id INTEGER, text TEXT)", [])
        with await database.begin() as transaction:
            values = [sql_types.Value_Integer(7), sql_types.Value_Text("seven")]
            changed = await transaction.execute("INSERT INTO notes VALUES ($1, $2)", values)
            await transaction.commit()
        result = await database.query("SELECT text FROM notes WHERE id = $1", [sql_types.Value_Integer(7)])
        return f"{changed} {result.columns[0]} {result.rows[0][0].value}"


async def use_blob(request):
    with blob.Folder.open("files") as folder:
        writer, content = wit_world.byte_stream()
        done, complete = wit_world.result_unit_unit_future(lambda: Err(None))
        put = asyncio.ensure_future(folder.put("a.txt", content, complete))
        with writer:
            await writer.write_all(b"some text")
        await done.write(Ok(None))
        metadata = await put
        found = await folder.get("a.txt", None)
        with found.content:
            text = await found.content.read(64)
        return f"{metadata.size} {bytes(text).decode()}"


async def use_outbound(request):
    timeouts = outbound_types.Timeouts(None, None, None)
    url = f"http://self/py/echo"
    sent = outbound_types.Request(types.Method_Post(), url, NO_FIELDS, types.Body_Full(b"there and back"), timeouts)
    answer = await outbound.send(sent)
    try:
        elsewhere = outbound_types.Request(types.Method_Get(), "http://example.org/", NO_FIELDS, types.Body_Empty(), timeouts)
        await outbound.send(elsewhere)
    except Err as error:
        refused = error.value.value
    return f"{answer.status} {answer.body.value.decode()} {refused}"


async def use_time(request):
    before = clock.now()
    await clock.wait_for(20_000_000)
    return f"{clock.now() - before >= 20_000_000}"


async def use_routing(request):
    return routing.current_route().name + " " + routing.url_for("/py/{what}", [("what", "x")], [])


async def use_task(request):
    with call.Task.start("an example") as task:
        task.fail("it is only one")
        return "begun"


async def use_echo(request):
    return request.body.value.decode()


async def leave(request):
    """Waits for ever; its client leaves."""
    reason = await call.over()
    with call.Task.start("leaving") as task:
        task.fail(f"left: {reason.name.lower()}")
    return reason.name


USES = {
    "key-value": use_key_value,
    "sql": use_sql,
    "blob": use_blob,
    "outbound": use_outbound,
    "time": use_time,
    "routing": use_routing,
    "task": use_task,
    "echo": use_echo,
    "leave": leave,
}


class Handler(exports.Handler):
    async def handle(self, request):
        what = dict(request.route.parameters)["what"]
        try:
            status, text = 200, await USES[what](request)
        except Exception as error:
            status, text = 500, f"{type(error).__name__}: {error}"
        return types.Response(status, NO_FIELDS, types.Body_Full(text.encode()))
