"""The findings as JSON, version 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..outcome import Outcome, Row

VERSION = 1


def document(outcome: Outcome, more: Mapping[str, object]) -> str:
    """The whole document. `more` are further top-level keys, such as those of `apply`."""
    return json.dumps(as_table(outcome) | dict(more), indent=2) + "\n"


def as_table(outcome: Outcome) -> dict[str, Any]:
    return {
        "version": VERSION,
        "findings": [_finding(row) for row in outcome.rows],
        "files": {
            "read": outcome.read,
            "changed": len(outcome.patches),
            "unreadable": [{"path": verdict.path, "reason": verdict.reason} for verdict in outcome.unreadable],
        },
        "summary": dict(outcome.counts),
    }


def _finding(row: Row) -> Mapping[str, object]:
    return {
        "codemod": row.codemod,
        "path": row.path,
        "line": row.line,
        "column": row.column,
        "end_line": row.end_line,
        "end_column": row.end_column,
        "status": row.status,
        "safety": row.safety,
        "message": row.message,
        "reason": row.reason,
        "help": row.help,
        "group": row.group,
        "edits": [{"path": edit.path, "start": edit.start, "stop": edit.stop, "text": edit.text} for edit in row.edits],
    }
