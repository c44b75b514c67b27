"""`GET @root@` answers `Hello, world`.

`patchboard build` makes a component of this file; with aiohttp from PyPI it also runs by itself.
"""

from aiohttp import web

routes = web.RouteTableDef()


@routes.get("@root@", name="hello")
async def hello(request: web.Request) -> web.Response:
    return web.Response(text="Hello, world")


app = web.Application()
app.add_routes(routes)

if __name__ == "__main__":
    web.run_app(app)
