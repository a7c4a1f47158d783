"""Let nothing wait in the event loop's own thread.

Why
    While `requests.get` or `time.sleep` waits inside `async def`, no other request of the process is answered: forty
    users of a call that takes a quarter of a second wait ten seconds. The same is true when the call hides in a plain
    function that async code calls. In another thread it holds nobody up.

Broken
    import time

    import requests
    from fastapi import FastAPI

    app = FastAPI()


    def fetch_customer(customer_id: str) -> dict:
        return requests.get(f"https://crm.example.com/{customer_id}", timeout=(5, 20)).json()


    @app.get("/customers/{customer_id}")
    async def customer(customer_id: str):
        time.sleep(0.5)
        rates = requests.get("https://rates.example.com", timeout=(5, 20)).json()
        return {"customer": fetch_customer(customer_id), "rates": rates}

Fixed
    import asyncio

    import requests
    from fastapi import FastAPI

    app = FastAPI()


    def fetch_customer(customer_id: str) -> dict:
        return requests.get(f"https://crm.example.com/{customer_id}", timeout=(5, 20)).json()


    @app.get("/customers/{customer_id}")
    async def customer(customer_id: str):
        await asyncio.sleep(0.5)
        rates = (await asyncio.to_thread(requests.get, "https://rates.example.com", timeout=(5, 20))).json()
        return {"customer": await asyncio.to_thread(fetch_customer, customer_id), "rates": rates}

Refuses
    thread-affine: The object, or the context, belongs to the thread that made it.
    By hand: make it, use it and close it in one plain function, and await `asyncio.to_thread` of that function.

        import sqlite3

        async def names():
            connection = sqlite3.connect("shop.db")
            return connection.execute("select name from users").fetchall()

    shared-connection: All callers share one connection, which two threads must not use at the same time.
    By hand: take a connection of its own, from a pool, in the function that runs in the thread.

        import psycopg2

        connection = psycopg2.connect("dbname=shop")

        async def count():
            cursor = connection.cursor()
            cursor.execute("select count(*) from users")
            connection.commit()

    shared-state: The helper changes what others may read and change at the same time; today the blocked loop keeps them apart.
    By hand: guard the change with a `threading.Lock` inside the helper, or an `asyncio.Lock` around it, then await `asyncio.to_thread` of it.

        import requests

        total = 0

        def fetch(url):
            global total
            total = total + 1
            return requests.get(url, timeout=(5, 20))

        async def handler(url):
            return fetch(url).text

    file-update: A file is written over, or read and then written back; requests that come between would mix it up.
    By hand: let one lock guard all that reads and writes it; where others only read it, write to a name of its own and rename that.

        import json

        async def remember(state):
            with open("state.json", "w") as file:
                json.dump(state, file)

    uses-the-loop: The helper speaks to the event loop itself, which works in the loop's thread only.
    By hand: make the helper `async def` and await what it calls.

        import asyncio
        import time

        def later(job):
            time.sleep(1)
            asyncio.ensure_future(job())

        async def handler(job):
            later(job)

    context-bound: The helper sets a context variable, which would be lost with the thread.
    By hand: set the variable in the async function, and move only what waits into a thread.

        import contextvars
        import time

        tenant = contextvars.ContextVar("tenant")

        def enter(name):
            time.sleep(1)
            tenant.set(name)

        async def handler(name):
            enter(name)

    lazy-iteration: It waits again and again while it is iterated, so that moving one call helps little.
    By hand: do the whole loop in a plain function that returns a list, and await `asyncio.to_thread` of it.

        import requests

        async def lines(url):
            response = requests.get(url, stream=True, timeout=(5, 20))
            return [line for line in response.iter_lines()]

    many-small-calls: A loop reads or writes little by little; a thread for each step costs more than the step.
    By hand: collect the text and write it at once, or move the loop into a plain function and await `asyncio.to_thread` of it.

        async def export(rows, name):
            with open(name, "w") as file:
                for row in rows:
                    file.write(row)

    quick-file-call: Looking at a directory entry takes microseconds on a local disk, a thread more.
    By hand: on a network file system await `asyncio.to_thread` of it, and expect others to run between a test and what follows it.

        import os

        async def known(name):
            return os.path.exists(name)

    generator-expression: `await` in a generator expression makes it an async generator, which its caller can't read.
    By hand: make it a list first.

        import requests

        async def texts(urls):
            return "".join(requests.get(url, timeout=(5, 20)).text for url in urls)

    held-over-await: A lock of threads, or a change that the whole process sees, would be held while others run.
    By hand: use `asyncio.Lock`, or move the whole block into a plain function and await `asyncio.to_thread` of it.

        import threading
        import time

        lock = threading.Lock()

        async def slowly():
            with lock:
                time.sleep(1)

    blocking-with: Leaving the `with` block talks to the other side too, and waits for it.
    By hand: move the whole block into a plain function and await `asyncio.to_thread` of it.

        import smtplib

        async def send(message):
            with smtplib.SMTP("mail.example.com") as server:
                server.send_message(message)

    returns-awaitable: The helper waits itself, and then gives something that is to be awaited; or a plain file is awaited like an async one.
    By hand: make the helper `async def`, and move what waits in it into a thread; open the file with aiofiles.

        import time

        def fetch(client, url):
            time.sleep(1)
            return client.get(url)

        async def handler(client, url):
            return await fetch(client, url)

    decorated: A decorator of the helper may change what calling it does.
    By hand: await `asyncio.to_thread` of it where that is known to be a plain call.

        import time

        from tools import traced

        @traced
        def work():
            time.sleep(1)

        async def handler():
            work()

    callback: The function that waits is handed to another one that calls it at once.
    By hand: write the loop out and await each call, or await `asyncio.to_thread` of the whole.

        import requests

        async def pages(urls):
            return list(map(requests.get, urls))

    blocking-property: Reading the attribute runs a property that waits.
    By hand: make it a method and await `asyncio.to_thread` of it.

        import requests

        class Customer:
            @property
            def name(self):
                return requests.get("https://crm.example.com/1", timeout=(5, 20)).text

        async def greet():
            customer = Customer()
            return customer.name

    other-loop: The file uses trio, for which `asyncio.to_thread` does nothing.
    By hand: await `trio.to_thread.run_sync` of it.

        import requests
        import trio

        async def fetch(url):
            return requests.get(url, timeout=(5, 20))

Notes
    `asyncio.to_thread` has as many threads as `min(32, processors + 4)`: enough for some users, not for hundreds of slow calls.
    A thread goes on when the task that waits for it is cancelled. A FastAPI route that never awaits can be a plain `def`
    instead: it then runs in one of forty threads, and nothing in it holds the loop. Tests, start-up code, Streamlit and
    scripts that run one task are left alone: nobody waits there.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .kit.alone import comes_first, shares_loop
from .kit.codemod import codemod
from .kit.finding import Finding
from .kit.libraries.blocking import MENTIONS
from .kit.source import Source
from .kit.waits.blocked import spots
from .kit.waits.cures import cure
from .kit.waits.startup import moves_whole, plain_instead, starts_up
from .kit.waits.threads import Bar


@codemod(mentions=("async def", MENTIONS), shares=MENTIONS, inner=True)
def offload_blocking(source: Source) -> Iterator[Finding]:
    if b"async def" not in source.utf8:
        return
    places = [
        (spot, cure(source, spot))
        for spot in spots(source)
        if shares_loop(source, spot.function) and not starts_up(source, spot.function) and not comes_first(source, spot.function, spot.node)
    ]
    kept = {spot.function for spot, found in places if isinstance(found, Bar) and not moves_whole(source, spot, found)}
    bound: set[ast.AST] = set()  # functions whose thread-bound objects are spoken of already
    for spot, found in places:
        third = plain_instead(source, spot.function) if spot.function not in kept else ""
        if not isinstance(found, Bar):
            edits, needs = found
            yield source.fix(spot.node, edits, f"{spot.words}, and the event loop with it", imports=needs, help=third)
        elif not (found.code == "thread-affine" and spot.wait is not None and spot.function in bound):
            if found.code == "thread-affine":
                bound.add(spot.function)
            yield source.refuse(spot.node, found.code, found.words, third)
