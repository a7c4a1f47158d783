"""Run an application on a socket that is open already: `serve.py asgi|wsgi|aiohttp MODULE:NAME DESCRIPTOR`."""

from __future__ import annotations

import importlib
import os
import socket
import sys
import threading


def end_with_the_tests() -> None:
    """Nothing is left behind when the tests are killed: their end of our standard input is closed then."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    kind, target, descriptor = sys.argv[1:]
    threading.Thread(target=end_with_the_tests, daemon=True).start()
    sys.path.insert(0, os.getcwd())
    module, _, name = target.partition(":")
    app = getattr(importlib.import_module(module), name)
    if kind == "wsgi":
        from werkzeug.serving import make_server

        make_server("127.0.0.1", 0, app, threaded=True, fd=int(descriptor)).serve_forever()
    elif kind == "aiohttp":
        from aiohttp import web

        web.run_app(app, sock=socket.socket(fileno=int(descriptor)), print=None)
    else:
        import uvicorn

        config = uvicorn.Config(app, log_level="warning", lifespan="on")
        uvicorn.Server(config).run(sockets=[socket.socket(fileno=int(descriptor))])


if __name__ == "__main__":
    main()
