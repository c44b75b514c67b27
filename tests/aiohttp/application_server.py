"""Runs application.py by aiohttp.

Its first line is its address, and the Python that runs it. It ends with its standard
input, and so with whoever started it, however that ends.
"""

import asyncio
import logging
import pathlib
import platform
import sys

from aiohttp import web

sys.path.insert(0, str(pathlib.Path(__file__).parent))


async def main():
    from application import app

    # What it makes of a request is in its answer.
    logging.getLogger("aiohttp.server").disabled = True
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0]
    print(f"listening on http://{host}:{port} with Python {platform.python_version()}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await runner.cleanup()


asyncio.run(main())
