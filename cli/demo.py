"""`loadproof demo`: the two services that every team has, and what would change in them."""

from __future__ import annotations

import os
import tempfile
from importlib.resources import as_file, files
from shutil import copytree

from .outcome import outcome
from .plan import plan
from .project import projects
from .settings import Asked
from .show import show
from .wishes import Wishes

SERVICES = ("intermittent-500s", "connection-timeouts")


def demo(wishes: Wishes) -> int:
    """Write the services to a temporary folder and show their diff. It ends well: it finds what it promises."""
    folder = os.path.join(tempfile.mkdtemp(prefix="loadproof-demo-"), "services")
    with as_file(files("loadproof") / "fixtures" / "demo") as origin:
        copytree(origin, folder)
    os.chdir(folder)
    plans = [plan(project, count_libraries=True) for project in projects(SERVICES, Asked())]
    steps = [
        (f"cd {folder}", "read them, change them, run loadproof again"),
        ("loadproof fix", "write the changes"),
        ("loadproof explain request-scope", "why, in full; every codemod has such a page"),
    ]
    show(outcome(plans), wishes, plans, "full", steps)
    return 0
