"""A service of `fixtures/apps` in a process of its own, as it stands and after our own rewrite."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .upstream import Upstream

APPS = Path(__file__).resolve().parents[2] / "fixtures" / "apps"
SERVE = Path(__file__).with_name("serve.py")


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What `loadproof fix` made of a folder, and what it said of it."""

    folder: Path
    report: dict[str, Any]

    @property
    def fixed(self) -> set[str]:
        return {finding["codemod"] for finding in self.report["findings"] if finding["status"] == "fixed"}

    @property
    def left(self) -> list[str]:
        """One line for each finding that was not fixed."""
        findings = [finding for finding in self.report["findings"] if finding["status"] != "fixed"]
        return [f"{f['path']}:{f['line']} {f['codemod']} {f['status']} {f['reason']}" for f in findings]

    def said(self, codemod: str) -> str:
        """All messages of one codemod."""
        return "\n".join(f["message"] for f in self.report["findings"] if f["codemod"] == codemod)


@dataclass(frozen=True, slots=True)
class Service:
    """One running service and the upstream that it believes to be the world."""

    name: str
    url: str
    upstream: Upstream
    process: subprocess.Popen[bytes]
    log: Path

    def explain(self) -> str:
        """What the process printed: the reason when it did not answer."""
        return f"{self.name}, exit {self.process.poll()}:\n{self.log.read_text(errors='replace')[-4000:]}"


@dataclass(frozen=True, slots=True)
class Pair:
    """The same service twice: as it stands, and after our own rewrite."""

    app: str
    before: Service
    after: Service
    rewrite: Rewrite


def copy_of(app: str, to: Path) -> Path:
    """A copy of one of our services, to run or to change."""
    return Path(shutil.copytree(APPS / app, to))


def fix(folder: Path, *options: str, paths: Sequence[str] = (".",)) -> Rewrite:
    """Our own rewrite of a folder, through the command that everybody types."""
    command = [sys.executable, "-m", "loadproof", "fix", *paths, "--output-format", "json", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode in (0, 1), (
        f"loadproof fix ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    return Rewrite(folder, json.loads(done.stdout))


def environment(folder: Path, upstream: Upstream, extra: Mapping[str, str]) -> dict[str, str]:
    """Everything that the service may know of this machine."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV") if name in os.environ}
    ours = {
        "HOME": str(folder),
        "NO_PROXY": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "LANGSMITH_TRACING": "false",
        "LANGCHAIN_TRACING_V2": "false",
    }
    return {**kept, **ours, **upstream.env, **extra}


@contextmanager
def running(
    folder: Path,
    upstream: Upstream,
    *,
    kind: str = "asgi",
    target: str = "main:app",
    env: Mapping[str, str] | None = None,
) -> Iterator[Service]:
    """The service of `folder`. It may still be importing: its socket is open, the first request waits."""
    log = folder / "service.log"
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening, log.open("wb") as output:
        port = listening.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, str(SERVE), kind, target, str(listening.fileno())],
            cwd=folder,
            env=environment(folder, upstream, env or {}),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(listening.fileno(),),
            start_new_session=True,
        )
    try:
        yield Service(folder.name, f"http://127.0.0.1:{port}", upstream, process, log)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@contextmanager
def pair(
    app: str,
    folder: Path,
    *options: str,
    kind: str = "asgi",
    target: str = "main:app",
    env: Mapping[str, str] | None = None,
    expect: set[str] | None = None,
) -> Iterator[Pair]:
    """`app` before and after our rewrite, both starting. `expect`: the codemods that must have fixed something."""
    with ExitStack() as stack:
        upstreams = [stack.enter_context(Upstream()), stack.enter_context(Upstream())]
        first = copy_of(app, folder / "before")
        before = stack.enter_context(running(first, upstreams[0], kind=kind, target=target, env=env))
        rewrite = fix(copy_of(app, folder / "after"), *options)
        for line in rewrite.left:
            print(f"{app}: left {line}")
        missing = (expect or set()) - rewrite.fixed
        assert not missing, f"{app}: {missing} fixed nothing; fixed: {rewrite.fixed}, left: {rewrite.left}"
        after = stack.enter_context(running(rewrite.folder, upstreams[1], kind=kind, target=target, env=env))
        yield Pair(app, before, after, rewrite)
