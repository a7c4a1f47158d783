"""Writes the table of codemods into the README: `python tests/readme.py`."""

from __future__ import annotations

import re
from pathlib import Path

from loadproof.cli.report.pages import table
from loadproof.codemods import codemods

README = Path(__file__).parent.parent / "README.md"
rows = table(codemods().values())
between = re.compile(r"(?<=<!-- codemods -->\n).*?(?=\n<!-- /codemods -->)", re.DOTALL)
README.write_text(between.sub(lambda _: rows, README.read_text()))
