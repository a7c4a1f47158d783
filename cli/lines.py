"""Which lines changed since another commit, from blobs: `--diff-base`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import SequenceMatcher
from hashlib import new as hasher

from ..codemods.kit.finding import Fix
from ..codemods.kit.rewrite import Identity, Reported, Verdict
from .objects import FILE, Entry, Objects
from .plan import Plan, plan
from .repository import Repository
from .trouble import Trouble

Lines = tuple[range, ...]  # 1-based line numbers

_ALIKE = 0.5  # of their lines, for a file to count as another one renamed


def narrowed(whole: Plan, reference: str, folder: str, jobs: int | None = None) -> Plan:
    """The plan with only those findings that stand on lines changed since `reference`."""
    unwanted = outside(whole, reference, folder)
    return hidden(plan(whole.project, unwanted, jobs), unwanted) if unwanted else whole


def outside(whole: Plan, reference: str, folder: str) -> frozenset[Identity]:
    """The findings that stand on no line changed since `reference`; a group is in when one of its places is."""
    repository = Repository.at(folder)
    project = whole.project
    lead = repository.prefix if project.root else ""  # a commit's paths are seen from the top already
    paths = {each.finding.place.path for each in whole.findings}
    now = {
        lead + path: content for path in sorted(paths) if not isinstance(content := project.tree.read(path), Verdict)
    }
    changed = changed_since(repository, reference, now, (lead + path for path in project.python))

    def inside(each: Reported) -> bool:
        place = each.finding.place
        return touched(changed.get(lead + place.path, ()), place.line, max(place.line, place.end_line))

    groups = {each.finding.group for each in whole.findings if isinstance(each.finding, Fix) and inside(each)} - {""}
    return frozenset(
        _identity(each)
        for each in whole.findings
        if not inside(each) and not (isinstance(each.finding, Fix) and each.finding.group in groups)
    )


def hidden(narrow: Plan, unwanted: frozenset[Identity]) -> Plan:
    """The plan without a word of these findings."""
    findings = tuple(each for each in narrow.findings if _identity(each) not in unwanted)
    return replace(narrow, result=replace(narrow.result, findings=findings))


def _identity(reported: Reported) -> Identity:
    place = reported.finding.place
    return reported.finding.codemod, place.path, place.line, place.column


def changed_since(
    repository: Repository, reference: str, now: Mapping[str, bytes], paths: Iterable[str]
) -> dict[str, Lines]:
    """The lines of the files `now` that are not in `reference`, or where the two went apart. `paths`: every path there is now."""
    base = _where_they_parted(repository, reference)
    with repository.objects() as store:
        then = {entry.path: entry for entry in store.tree(base) if entry.kind == FILE}
        twins = _twins(store, then, now, set(paths))
        ids = {path: _blob_id(content, repository.format) for path, content in now.items()}
        others = {path: entry for path, entry in twins.items() if entry.id != ids[path]}
        befores = store.contents(list({entry.path: entry for entry in others.values()}.values()))
        return {
            path: _changed_lines(befores.get(others[path].path, b"") if path in others else b"", content)
            for path, content in now.items()
            if path in others or path not in twins
        }


def _where_they_parted(repository: Repository, reference: str) -> str:
    if reference.startswith("-"):
        raise Trouble(f"`{reference}` is no commit")
    answer = repository.git.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
    if answer.code != 0:
        raise Trouble(f"`{reference}` is no commit here", "name a branch, a tag or a commit that was fetched")
    commit = answer.lines[0]
    parted = repository.git.ask("merge-base", commit, repository.head)
    return parted.lines[0] if parted.code == 0 else commit


def _twins(store: Objects, then: Mapping[str, Entry], now: Mapping[str, bytes], paths: set[str]) -> dict[str, Entry]:
    """The file that each one was: of the same path, or one that is gone and was much the same."""
    found = {path: then[path] for path in now if path in then}
    added = [path for path in now if path not in then]
    if not added:
        return found
    gone = [
        entry for path, entry in then.items() if path.endswith(".py") and path not in paths and entry.size is not None
    ]
    contents = store.contents(gone) if gone else {}
    for path in added:
        lines = _lines(now[path])
        near = sorted(gone, key=lambda entry: (posixpath.basename(entry.path) != posixpath.basename(path), entry.path))
        for entry in near[:50]:
            before = _lines(contents[entry.path])
            shared = len(set(lines) & set(before))
            if shared >= _ALIKE * max(len(set(lines)), len(set(before)), 1):
                found[path] = entry
                break
    return found


def _blob_id(content: bytes, format: str) -> str:
    return hasher(format, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _lines(content: bytes) -> list[bytes]:
    """The lines without their ends: a file that was checked out with other line ends is not changed."""
    return [line.removesuffix(b"\r") for line in content.split(b"\n")]


def _changed_lines(before: bytes, after: bytes) -> Lines:
    old, new = _lines(before), _lines(after)
    start = next(
        (number for number, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new))
    )
    stop = next(
        (n for n, (a, b) in enumerate(zip(reversed(old), reversed(new), strict=False)) if a != b),
        min(len(old), len(new)),
    )
    stop = min(stop, len(old) - start, len(new) - start)
    blocks = SequenceMatcher(
        None, old[start : len(old) - stop], new[start : len(new) - stop], autojunk=False
    ).get_opcodes()
    return _joined(
        range(start + first + 1, start + last + 1)
        for kind, _, _, first, last in blocks
        if kind in ("replace", "insert")
    )


def _joined(parts: Iterable[range]) -> Lines:
    joined: list[range] = []
    for part in parts:
        if joined and joined[-1].stop >= part.start:
            joined[-1] = range(joined[-1].start, part.stop)
        elif part:
            joined.append(part)
    return tuple(joined)


def touched(lines: Sequence[range], first: int, last: int) -> bool:
    """Whether any of the lines from `first` to `last` is among these."""
    return any(first < part.stop and part.start <= last for part in lines)
