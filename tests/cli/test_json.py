"""Every sentence of the JSON's description."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from .command import FIXED, HANG, REFUSED, loadproof

LATIN = "# coding: latin-1\nimport requests\n\ncafé = requests.get('é'); x = requests.get('é')\n".encode("latin-1")
MEMORY = b"""\xef\xbb\xbffrom fastapi import FastAPI\r
from langchain.chains import ConversationChain\r
from langchain.memory import ConversationBufferMemory\r
from langchain_openai import ChatOpenAI\r
\r
app = FastAPI()\r
llm = ChatOpenAI()\r
memory = ConversationBufferMemory()\r
chain = ConversationChain(llm=llm, memory=memory)\r
\r
\r
@app.post("/ask")\r
async def ask(payload: dict):\r
    result = chain.invoke({"input": payload["question"]})\r
    return {"answer": result["response"]}\r
"""
FILES = {
    "crm.py": HANG,
    "bot.py": REFUSED,
    "silent.py": HANG.replace(b"get(url)", b"get(url)  # loadproof: ignore[requests-timeout] cut by the gateway"),
    "latin.py": LATIN,
    "memory.py": MEMORY,
    "mark.py": b"\xef\xbb\xbf" + HANG.replace(b"\n", b"\r\n"),
    "broken.py": b"import requests\nrequests.get(\n",
}
ENCODING = {"latin.py": "latin-1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("json")
    for name, content in FILES.items():
        (top / name).write_bytes(content)
    return top


@pytest.fixture(scope="module", params=["check", "diff"])
def document(folder: Path, request: pytest.FixtureRequest) -> Any:
    return loadproof(request.param, "--output-format", "json", cwd=folder).json


def edited(document: Any, path: str) -> bytes:
    """The file after all edits of the document."""
    content = FILES[path]
    edits = [edit for finding in document["findings"] for edit in finding["edits"] if edit["path"] == path]
    for edit in sorted(edits, key=lambda edit: -int(edit["start"])):
        content = content[: edit["start"]] + edit["text"].encode(ENCODING.get(path, "utf-8")) + content[edit["stop"] :]
    return content


def test_it_has_these_keys_and_no_others(document: Any) -> None:
    assert set(document) == {"version", "findings", "files", "summary"}
    assert document["version"] == 1
    assert set(document["files"]) == {"read", "changed", "unreadable"}
    for finding in document["findings"]:
        assert set(finding) == {
            "codemod", "path", "line", "column", "end_line", "end_column", "status", "safety", "message", "reason", "help", "group", "edits",
        }  # fmt: skip
        assert finding["status"] in ("fixable", "fixed", "refused", "suppressed", "failed")
        assert finding["safety"] in ("safe", "unsafe")


def test_counts_add_up(document: Any) -> None:
    summary = document["summary"]
    assert list(summary) == ["found", "fixable", "fixed", "refused", "suppressed", "failed"]
    assert (
        summary["found"] == len(document["findings"]) == sum(value for key, value in summary.items() if key != "found")
    )
    for status in list(summary)[1:]:
        assert summary[status] == sum(finding["status"] == status for finding in document["findings"])
    assert summary["refused"] == summary["suppressed"] == 1
    assert document["files"]["read"] == len(FILES)
    assert document["files"]["unreadable"] == [{"path": "broken.py", "reason": "syntax-error"}]


def test_refused_and_suppressed_carry_no_edits_and_a_reason(document: Any) -> None:
    for finding in document["findings"]:
        if finding["status"] in ("refused", "suppressed", "failed"):
            assert finding["edits"] == []
            assert isinstance(finding["reason"], str) and " " not in finding["reason"]
        else:
            assert finding["reason"] is None


def test_lines_and_columns_count_characters_from_one(document: Any) -> None:
    latin = [finding for finding in document["findings"] if finding["path"] == "latin.py"]
    assert [(finding["line"], finding["column"], finding["end_column"]) for finding in latin] == [
        (4, 8, 25),
        (4, 31, 48),
    ]
    crm = next(finding for finding in document["findings"] if finding["path"] == "crm.py")
    assert (crm["line"], crm["column"], crm["end_line"], crm["end_column"]) == (5, 12, 5, 29)


def test_edits_are_the_fix(folder: Path, document: Any, tmp_path: Path) -> None:
    for path, content in FILES.items():
        (tmp_path / path).write_bytes(content)
    loadproof("fix", cwd=tmp_path)
    for path in FILES:
        assert edited(document, path) == (tmp_path / path).read_bytes(), path
    assert edited(document, "crm.py") == FIXED
    assert edited(document, "mark.py") == b"\xef\xbb\xbf" + FIXED.replace(b"\n", b"\r\n")
    assert edited(document, "memory.py") != MEMORY


def test_edits_do_not_overlap(document: Any) -> None:
    for path in FILES:
        spans = sorted(
            (edit["start"], edit["stop"])
            for finding in document["findings"]
            for edit in finding["edits"]
            if edit["path"] == path
        )
        assert all(one[1] <= two[0] for one, two in pairwise(spans))


def test_two_codemods_on_one_expression_share_a_group(document: Any) -> None:
    """The chain moves into the handler, and its call there is awaited."""
    findings = [finding for finding in document["findings"] if finding["path"] == "memory.py"]
    assert {finding["codemod"] for finding in findings} >= {"request-scope", "async-chain"}
    for finding in findings:
        if not finding["edits"]:
            assert any(other["group"] == finding["group"] and other["edits"] for other in findings)


def test_fix_says_fixed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "crm.py").write_bytes(HANG)
    document = loadproof("fix", "--output-format", "json", cwd=tmp_path).json
    assert document["summary"]["fixed"] == document["files"]["changed"] == 1
    assert document["findings"][0]["edits"] == [
        {"path": "crm.py", "start": 60, "stop": 60, "text": ", timeout=(5, 20)"}
    ]
    assert set(document) == {"version", "findings", "files", "summary", "undo"}


def test_names_keep_their_bytes_as_surrogate_escapes(tmp_path: Path) -> None:
    (tmp_path / "caf\udce9.py").write_bytes(HANG)
    said = loadproof("check", "--output-format", "json", cwd=tmp_path)
    assert said.json["findings"][0]["path"] == "caf\udce9.py"
    assert "\\udce9" in said.out


def test_apply_says_what_it_made(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "crm.py").write_bytes(HANG)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", "-C", str(tmp_path)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "work"]):
        subprocess.run([*git, *words], check=True)
    document = loadproof("apply", "-b", "fixes", "--output-format", "json", cwd=tmp_path).json
    assert set(document) == {"version", "findings", "files", "summary", "branch", "commits", "skipped"}
    assert set(document["branch"]) == {"name", "commit", "base"}
    assert document["branch"]["name"] == "fixes"
    [made] = document["commits"]
    assert (made["codemod"], made["commit"], made["files"]) == (
        "requests-timeout",
        document["branch"]["commit"],
        ["crm.py"],
    )
    (tmp_path / "crm.py").write_bytes(b"x = 1\n")
    subprocess.run([*git, "commit", "-qam", "clean"], check=True)
    said = loadproof("apply", "-b", "more", "--output-format", "json", cwd=tmp_path)
    assert (said.code, said.json["branch"], said.json["commits"]) == (0, None, [])
