"""The command as people and CI run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HANG = b"import requests\n\n\ndef load(url):\n    return requests.get(url)\n"
FIXED = HANG.replace(b"get(url)", b"get(url, timeout=(5, 20))")
REFUSED = b"import requests\n\n\ndef load(url, **options):\n    return requests.get(url, **options)\n"


@dataclass(frozen=True)
class Said:
    """What a run of the command came to."""

    code: int
    out: str
    err: str
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def loadproof(*words: str, cwd: Path, stdin: bytes = b"", **environment: str) -> Said:
    """`loadproof WORDS` in a process of its own, with no terminal."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "PRE_COMMIT")}
    done = subprocess.run(
        [sys.executable, "-m", "loadproof", *words], cwd=cwd, input=stdin, capture_output=True, env=kept | environment, check=False
    )  # fmt: skip
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in err, err
    return Said(done.returncode, out, err, done.stdout)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, but git's own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink() and ".git" not in path.relative_to(folder).parts
    }
