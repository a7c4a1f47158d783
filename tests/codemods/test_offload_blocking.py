"""Rewritten programs give the same results, and what waited in turn waits at the same time."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from loadproof.codemods.kit.rewrite import Choice, rewrite

PROGRAM = '''
import asyncio
import contextvars
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import httpx
import requests

URL = sys.argv[1]
FOLDER = Path(sys.argv[2])
user = contextvars.ContextVar("user")
session = requests.Session()
together = threading.Barrier(2)
lock = asyncio.Lock()


class Refused(Exception):
    pass


class Crm:
    def __init__(self, base):
        self.base = base
        self.home = requests.get(base + "/home", timeout=(5, 20)).text

    def page(self, name, *more, suffix=""):
        return session.get(self.base + name + "".join(more) + suffix, timeout=(5, 20)).text


def refusing():
    requests.get(URL, timeout=(5, 20))
    raise Refused(user.get())


def meeting():
    requests.get(URL, timeout=(5, 20))
    try:
        together.wait(timeout=3)
    except threading.BrokenBarrierError:
        return "alone"
    return "together"


def pages(count):
    for number in range(count):
        yield requests.get(f"{URL}/{number}", timeout=(5, 20)).text


async def calls(log):
    user.set("ann")
    time.sleep(0.01)
    log.append(requests.get(URL + "/a", timeout=(5, 20)).text)
    log.append([requests.get(f"{URL}/{n}", timeout=(5, 20)).text for n in range(3) if requests.head(URL, timeout=(5, 20)).ok])
    log.append({n: session.get(f"{URL}/{n}", timeout=(5, 20)).text for n in "xy"})
    log.append(urllib.request.urlopen(URL + "/u", timeout=20).read().decode().upper())
    with urllib.request.urlopen(URL + "/w", timeout=20) as response:
        log.append(response.read())
    with httpx.Client() as client:
        log.append(client.get(URL + "/h").text)
    crm = Crm(URL)
    log.append((crm.home, crm.page("/1"), crm.page("/2", *["/3", "/4"], **{"suffix": "/end"})))
    log.append(list(pages(2)))
    try:
        refusing()
    except Refused as error:
        log.append(f"refused {error}")
    log.append(not requests.get(URL, timeout=(5, 20)).ok or -len(requests.get(URL + "/long", timeout=(5, 20)).text) ** 2)


async def processes(log):
    log.append(subprocess.run([sys.executable, "-c", "print(1)"], capture_output=True, text=True).stdout)
    log.append(subprocess.check_output(["echo", "two"]).decode().split())
    log.append(os.system("exit 3") >> 8)
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    log.append(process.communicate(b"three")[0])
    log.append(os.popen("echo four").read())


async def files(log, name):
    async with lock:
        with open(FOLDER / name, "w", encoding="utf-16") as file:
            file.write("gr\\u00fc\\u00df dich\\n")
        with open(FOLDER / name, encoding="utf-16") as file:
            log.append(file.readline())
        (FOLDER / name).write_bytes(b"\\x00\\xff")
        log.append((FOLDER / name).read_bytes())
        with open(FOLDER / f"{name}.json", "w") as file:
            json.dump({"a": [1]}, file, indent=1)
        log.append(json.load(open(FOLDER / f"{name}.json")))
        log.append(open(FOLDER / f"{name}.json").read().count("\\n"))


async def meet():
    return meeting()


async def main():
    log = []
    await asyncio.gather(calls(log))
    await asyncio.gather(processes(log))
    await asyncio.gather(files(log, "one"))
    print(log)
    print(await asyncio.gather(meet(), meet()), file=sys.stderr)


asyncio.run(main())
'''


class Echo(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"at {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def run(code: bytes, url: str, folder: Path) -> tuple[str, str]:
    folder.mkdir()
    (folder / "program.py").write_bytes(code)
    done = subprocess.run([sys.executable, "program.py", url, str(folder)], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout, done.stderr.strip().splitlines()[-1]


def test_same_results_at_the_same_time(tmp_path: Path, url: str) -> None:
    result = rewrite({"program.py": PROGRAM.encode()}, Choice(("offload-blocking",)))
    left = [reported for reported in result.findings if reported.status != "fixable"]
    assert [(reported.reason, reported.finding.place.line) for reported in left] == [("lazy-iteration", 69)]
    changed = result.patches[0].after
    assert changed.count(b"await asyncio.to_thread") == 31, changed.decode()
    before, alone = run(PROGRAM.encode(), url, tmp_path / "before")
    after, together = run(changed, url, tmp_path / "after")
    assert before == after
    assert alone == "['alone', 'alone']"
    assert together == "['together', 'together']"


FLAGGED = """
import io
import os
import pathlib
import subprocess
import time
import urllib.request
from os import path as osp

import httpx
import requests
import urllib3


async def handler(name, place: pathlib.Path, client: httpx.Client, process_id):
    requests.get(name)
    requests.request("GET", name)
    urllib.request.urlopen(name)
    urllib3.request("GET", name)
    httpx.post(name)
    client.put(name)
    with httpx.Client() as own:
        own.delete(name)
        own.close()
    subprocess.Popen([name])
    subprocess.run([name])
    subprocess.call([name])
    subprocess.check_call([name])
    subprocess.check_output([name])
    subprocess.getoutput(name)
    subprocess.getstatusoutput(name)
    os.system(name)
    os.popen(name)
    os.posix_spawn(name, [name], os.environ)
    os.posix_spawnp(name, [name], os.environ)
    os.spawnl(os.P_WAIT, name, name)
    os.spawnlp(os.P_NOWAIT, name, name)
    os.startfile(name)
    os.wait()
    os.wait3(0)
    os.wait4(process_id, 0)
    os.waitid(os.P_PID, process_id, os.WEXITED)
    os.waitpid(process_id, 0)
    open(name)
    io.open(name)
    io.open_code(name)
    place.open()
    [open(each) for each in name]
    place.read_text()
    place.write_bytes(b"")
    place.exists()
    place.mkdir()
    place.iterdir()
    place.resolve()
    (place / name).unlink()
    pathlib.Path(name).stat()
    os.path.exists(name)
    osp.isfile(name)
    os.path.getsize(name)
    os.path.abspath(name)
    os.path.relpath(name)
    input(name)
    time.sleep(1)
    time.sleep(0)
"""


def test_every_line_that_ruff_flags_is_answered(tmp_path: Path) -> None:
    """Its rules ASYNC210, 212, 220, 221, 222, 230, 240, 250 and 251: what they flag is fixed, or refused with a reason."""
    (tmp_path / "main.py").write_text(FLAGGED)
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--preview", "--select", "ASYNC", "--output-format", "json", "main.py"]
    found = json.loads(subprocess.run(command, cwd=tmp_path, capture_output=True, text=True).stdout)
    result = rewrite({"main.py": FLAGGED.encode()}, Choice(("offload-blocking",)))
    answered = {reported.finding.place.line for reported in result.findings if reported.status in ("fixable", "refused")}
    assert {each["code"] for each in found} == {"ASYNC210", "ASYNC212", "ASYNC220", "ASYNC221", "ASYNC222", "ASYNC230", "ASYNC240", "ASYNC250", "ASYNC251"}
    assert {each["location"]["row"] for each in found} <= answered


ROUTES = b'''\
import asyncio
import json
import os

from fastapi import FastAPI

app = FastAPI()


@app.get("/known")
async def known(name: str):
    return os.path.exists(name)


@app.get("/later")
async def later(name: str):
    asyncio.create_task(known(name))
    return os.path.exists(name)


@app.put("/state")
async def state(body: dict):
    with open("state.json", "w") as file:
        json.dump(body, file)
    return os.path.exists("state.json")
'''


def test_a_plain_def_is_advised_where_it_would_be_right() -> None:
    found = rewrite({"main.py": ROUTES}, Choice(("offload-blocking",), {})).findings
    advised = {each.finding.place.line for each in found if "as a plain `def`" in each.finding.help}
    assert advised == {12} and len(found) == 4
