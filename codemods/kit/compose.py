"""The files under change: codemod after codemod, each to its end, each result checked, every edit told against the original."""

from __future__ import annotations

import difflib
import traceback
from dataclasses import dataclass, replace

from .check import wrongs
from .codemod import Codemod
from .finding import Edit, Finding, Fix, Import, Place, Refusal
from .imports import tidied
from .pieces import Owners, Pieces
from .project import Project
from .result import Choice, Identity, Patch, Reported, Result, Step, Verdict
from .source import Source
from .suppress import Suppression, suppressions
from .text import Text, Unreadable, line_starts, parse

MAX_ROUNDS = 12


@dataclass(frozen=True, slots=True)
class _Group:
    """Fixes that one run over the file `path` gave, applied together or not at all."""

    path: str
    fixes: list[Fix]


@dataclass(slots=True)
class _Applied:
    fix: Fix
    place: Place  # in the original


class Composition:
    """The files under change, and the findings so far."""

    def __init__(self, project: Project, choice: Choice) -> None:
        self.project = project
        self.choice = choice
        self.originals = {path: source.text for path, source in project.sources.items()}
        self.owners = Owners()
        self.pieces: dict[str, Pieces] = {}
        self.applied: list[_Applied] = []  # the index is the owner of its edits
        self.left: dict[tuple[str, str], list[Reported]] = {}  # by codemod and file: what its last run there found and did not apply
        self.due: dict[str, set[str]] = {}  # by codemod: the files over which it is to run
        self.failed: dict[Identity, str] = {}
        self.steps: dict[str, list[Step]] = {}
        self.crashes: list[Verdict] = []
        self.mentioned: dict[tuple[bytes, ...], bool] = {}
        self.comments: dict[str, list[Suppression]] = {path: suppressions(text.utf8) for path, text in self.originals.items()}

    def run(self) -> None:
        chosen = self.choice.chosen()
        self.due = {each.name: {source.path for source in self.project if self._may_fire(each, source)} for each in chosen}
        may_fire = {name: frozenset(paths) for name, paths in self.due.items()}
        for _ in range(MAX_ROUNDS):
            for codemod in chosen:
                for _ in range(MAX_ROUNDS):
                    if not self.due[codemod.name]:
                        break
                    affected = self._layer(codemod)
                    for name, paths in may_fire.items():
                        self.due[name] |= affected & paths
            if not any(self.due.values()):
                break

    def _may_fire(self, codemod: Codemod, source: Source) -> bool:
        """The prefilter: lone words the file itself must hold, of alternatives it is enough that some file of the unit holds one."""
        return all(word in source.utf8 for word in codemod.here) and all(self._mentioned(words) for words in codemod.mentions)

    def _mentioned(self, words: tuple[bytes, ...]) -> bool:
        if words not in self.mentioned:
            self.mentioned[words] = any(word in source.utf8 for source in self.project for word in words)
        return self.mentioned[words]

    # one run of one codemod

    def _layer(self, codemod: Codemod) -> frozenset[str]:
        """Runs the codemod once over the files that are due; the files in which what was changed may show."""
        settings = self.choice.settings.get(codemod.name, {})
        due, self.due[codemod.name] = self.due[codemod.name], set()
        ready: list[_Group] = []
        for source in [source for source in self.project if source.path in due]:
            self.left[codemod.name, source.path] = []
            try:
                findings = list(codemod.run(source, **settings))
            except Exception as error:  # the border of one file: it costs only itself
                self._crash(source.path, codemod, error)
                continue
            groups: dict[str, _Group] = {}
            for number, finding in enumerate(findings):
                if isinstance(finding, Refusal):
                    self._leave(codemod, source.path, finding, "refused", finding.reason)
                elif finding.edits or finding.group:
                    group = groups.setdefault(finding.group or f"#{number}", _Group(source.path, []))
                    group.fixes.append(replace(finding, codemod=codemod.name))
            ready += [group for group in groups.values() if self._wanted(codemod, group)]
        if not ready:
            return frozenset()
        before = {source.path: source for source in self.project}
        self._apply(codemod, _apart(ready))
        changed = {source.path for source in self.project if source is not before[source.path]}
        again = {group.path for group in ready} if changed else set()
        return frozenset(changed | again) if codemod.inner else self.project.near(changed) | again

    def _crash(self, path: str, codemod: Codemod, error: Exception) -> None:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        reason = "too-deep" if isinstance(error, RecursionError) else "internal-error"
        told = f"{codemod.name}: {type(error).__name__}: {str(error)[:160]} ({frame.name}, line {frame.lineno})"
        verdict = Verdict(path, reason, told)
        if verdict not in self.crashes:
            self.crashes.append(verdict)

    def _wanted(self, codemod: Codemod, group: _Group) -> bool:
        """Whether a group is to be applied now; if not, its fixes are put down with what holds them back."""
        places = [self._original(fix.place) for fix in group.fixes]
        identities = [(codemod.name, place.path, place.line, place.column) for place in places]
        failure = next((self.failed[identity] for identity in identities if identity in self.failed), None)
        silenced = [self._silenced(codemod.name, place) for place in places]
        if failure is not None:
            status, reason = "failed", failure
        elif any(silenced):
            status, reason = "suppressed", next(comment for comment in silenced if comment is not None).reason or "suppressed"
        elif any(fix.safety == "unsafe" for fix in group.fixes) and not self.choice.unsafe:
            status, reason = "fixable", None
        elif any(identity in self.choice.rejected for identity in identities):
            status, reason = "fixable", None
        else:
            return True
        for fix in group.fixes:
            self._leave(codemod, group.path, fix, status, reason)
        return False

    def _silenced(self, codemod: str, place: Place) -> Suppression | None:
        for comment in self.comments[place.path]:
            if comment.covers(codemod, place.line, place.end_line if place.end_line - place.line < 30 else place.line):
                comment.used = True
                return comment
        return None

    def _leave(self, codemod: Codemod, path: str, finding: Finding, status: str, reason: str | None) -> None:
        place = self._original(finding.place)
        if isinstance(finding, Refusal):
            comment = self._silenced(codemod.name, place)
            told = replace(finding, codemod=codemod.name, place=place, help=finding.help or codemod.page.by_hand(finding.reason))
            self.left[codemod.name, path].append(Reported(told, "suppressed" if comment else "refused", (comment.reason or "suppressed") if comment else reason))
            return
        edits = self._mapped(finding) if status == "fixable" else ()
        self.left[codemod.name, path].append(Reported(replace(finding, codemod=codemod.name, place=place, edits=edits), status, reason))  # type: ignore[arg-type]

    # changing texts

    def _apply(self, codemod: Codemod, groups: list[_Group]) -> bool:
        """Applies what passes the checks; whether that is anything. The guilty are found by halving, and put down as failed."""
        wrong = self._attempt(codemod, groups)
        if not wrong:
            return True
        if len(groups) > 1:
            half = len(groups) // 2
            first = self._apply(codemod, groups[:half])
            # the first half moved what the second half's edits were counted by: those come in the next round
            return first or self._apply(codemod, groups[half:])
        for fix in groups[0].fixes:
            place = self._original(fix.place)
            self.failed[codemod.name, place.path, place.line, place.column] = wrong
        self._wanted(codemod, groups[0])
        return False

    def _attempt(self, codemod: Codemod, groups: list[_Group]) -> str:
        """Applies the groups to all their files, or to none: what would be wrong then."""
        first = len(self.applied)
        fixes = [fix for group in groups for fix in group.fixes]
        paths = sorted({edit.path for fix in fixes for edit in fix.edits} | {path for fix in fixes for path, _ in fix.imports})
        pieces = {path: self.pieces[path].copy() if path in self.pieces else Pieces(self.originals[path].utf8, self.owners) for path in paths}
        needs: dict[str, list[tuple[Import, int]]] = {}
        edits: dict[str, list[tuple[int, int, bytes, int]]] = {}
        joined: list[tuple[int, int]] = []
        owner = first
        for group in groups:
            for place_in_group, fix in enumerate(group.fixes):
                if place_in_group:
                    joined.append((owner - 1, owner))
                for edit in fix.edits:
                    edits.setdefault(edit.path, []).append((edit.start, edit.stop, edit.text.encode("utf-8"), owner))
                for path, need in fix.imports:
                    needs.setdefault(path, []).append((need, owner))
                owner += 1
        before = [self.project.sources[path] for path in paths]
        after: list[Source] = []
        for source in before:
            pieces[source.path].apply(edits.get(source.path, []))
            try:
                changed = self._parsed(source.path, pieces[source.path].text)
                mates = self._tidy(source, changed, pieces[source.path], needs.get(source.path, []), edits.get(source.path, []), first)
                laid_out = self._lay_out(source, pieces[source.path])
                after.append(changed if mates is None and not laid_out else self._parsed(source.path, pieces[source.path].text))
                joined += mates or []
            except Unreadable as verdict:
                return f"{verdict.reason}: {verdict.message}"
        if wrong := wrongs(before, after, commented={path for path, its in edits.items() if self._touches_comments(path, its)}):
            return wrong
        for fix in fixes:
            self.applied.append(_Applied(fix, self._original(fix.place)))
        for one, other in joined:
            self.owners.join(one, other)
        for old, new in zip(before, after):
            self._step(codemod, old, new)
            self.pieces[old.path] = pieces[old.path]
            self.project.replace(new)
        return ""

    def _touches_comments(self, path: str, edits: list[tuple[int, int, bytes, int]]) -> bool:
        """Whether an edit may take a comment away: it cuts one out, or opens a string that could swallow one."""
        utf8 = self.project.sources[path].utf8
        return any(b"#" in utf8[start:stop] or b"#" in text or b'"""' in text or b"'''" in text for start, stop, text, _ in edits)

    def _parsed(self, path: str, utf8: bytes) -> Source:
        original = self.originals[path]
        text = Text(original.raw, utf8, original.encoding, original.bom)
        try:
            text.encode(utf8)
        except UnicodeError:
            raise Unreadable("codec", f"the new text can't be written in {original.encoding}") from None
        return Source(path, text, self.project, parse(text))

    def _tidy(
        self, old: Source, new: Source, pieces: Pieces, needs: list[tuple[Import, int]], edits: list[tuple[int, int, bytes, int]], first: int
    ) -> list[tuple[int, int]] | None:  # fmt: skip
        """Adds the imports that are needed and takes out those that nothing reads any more: who must stay together for that, None when nothing changed."""
        drop = self._droppable(old, new)
        changes = tidied(new, [need for need, _ in needs], drop)
        if not changes:
            return None
        causes = [owner for start, stop, _, owner in edits if any(name.encode() in old.utf8[start:stop] for name in drop)]
        owners = sorted({owner for _, owner in needs} | set(causes)) or sorted({owner for *_, owner in edits}) or [first]
        pieces.apply((edit.start, edit.stop, edit.text.encode("utf-8"), owners[0]) for edit in changes)
        return [(owners[0], other) for other in owners[1:]]

    def _lay_out(self, old: Source, pieces: Pieces) -> bool:
        """Formats what was edited; whether that changed anything. Where the formatter would touch other lines it is not followed."""
        if self.choice.format is None:
            return False
        utf8 = pieces.text
        text = utf8.decode("utf-8")
        formatted = self.choice.format(old.path, old.utf8.decode("utf-8"), text)
        if formatted == text:
            return False
        one, two = text.splitlines(keepends=True), formatted.splitlines(keepends=True)
        starts = [0]
        for line in one:
            starts.append(starts[-1] + len(line.encode("utf-8")))
        edits = []
        for tag, i1, i2, j1, j2 in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
            if tag != "equal":
                owner = pieces.owner_within(starts[i1], starts[i2])
                if owner is None:
                    return False
                edits.append((starts[i1], starts[i2], "".join(two[j1:j2]).encode("utf-8"), owner))
        pieces.apply(edits)
        return True

    def _droppable(self, old: Source, new: Source) -> frozenset[str]:
        idle = new.unused_imports - old.unused_imports
        if not idle or old.path.endswith("__init__.py"):
            return frozenset()
        exported = old.exports() or set()
        exported |= {name for name in idle if self.project.importers(old, name)}
        return idle - exported

    def _step(self, codemod: Codemod, old: Source, new: Source) -> None:
        steps = self.steps.setdefault(old.path, [])
        before, after = old.text.encode(old.utf8), new.text.encode(new.utf8)
        if steps and steps[-1].codemod == codemod.name:
            before = steps.pop().before
        steps.append(Step(codemod.name, before, after))

    # back to the original

    def _original(self, place: Place) -> Place:
        pieces = self.pieces.get(place.path)
        if pieces is None:
            return place
        source = self.project.sources[place.path]
        start = pieces.original_offset(_offset(source.utf8, place.line, place.column))
        stop = pieces.original_offset(_offset(source.utf8, place.end_line, place.end_column) - 1) + 1
        return _place(place.path, pieces.original, start, max(start, stop))

    def _mapped(self, fix: Fix) -> tuple[Edit, ...]:
        """The edits of a fix that is not applied, against the originals; none where an applied one has changed the same text."""
        edits = list(fix.edits)
        for path in sorted({path for path, _ in fix.imports}):
            edits += tidied(self.project.sources[path], [need for its, need in fix.imports if its == path], ())
        mapped = []
        for edit in edits:
            start, stop = edit.start, edit.stop
            if (pieces := self.pieces.get(edit.path)) is not None:
                start, stop = pieces.original_offset(start), pieces.original_offset(stop - 1) + 1 if stop > start else pieces.original_offset(start)
                if stop - start != edit.stop - edit.start:
                    return ()
            mapped.append(self._raw(edit.path, start, stop, edit.text))
        return tuple(mapped)

    def _raw(self, path: str, start: int, stop: int, text: str) -> Edit:
        original = self.originals[path]
        return Edit(path, original.raw_offset(start), original.raw_offset(stop), text)

    def result(self) -> Result:
        edits: dict[int, list[Edit]] = {}
        for path, pieces in sorted(self.pieces.items()):
            for start, stop, text, owners in pieces.edits():
                if pieces.original[start:stop] != text:
                    edits.setdefault(owners[0], []).append(self._raw(path, start, stop, text.decode("utf-8")))
        members: dict[int, list[int]] = {}
        for owner in range(len(self.applied)):
            members.setdefault(self.owners.root(owner), []).append(owner)
        findings = []
        for owner, applied in enumerate(self.applied):
            mates = members[self.owners.root(owner)]
            head = self.applied[mates[0]]
            group = f"{head.fix.codemod}:{head.place.path}:{head.place.line}:{head.place.column}" if len(mates) > 1 else ""
            fix = replace(applied.fix, place=applied.place, edits=tuple(edits.get(owner, ())), group=group)
            findings.append(Reported(fix, "fixable", applied=True))
        findings += [reported for left in self.left.values() for reported in left]
        findings = list(dict.fromkeys(findings))
        findings.sort(key=lambda reported: (reported.finding.place, reported.finding.codemod))
        patches = []
        for path, steps in sorted(self.steps.items()):
            before, after = steps[0].before, steps[-1].after
            if before != after:
                patches.append(Patch(path, before, after, tuple(steps)))
        idle = [(path, comment.line) for path, comments in self.comments.items() for comment in comments if not comment.used]
        return Result(tuple(findings), tuple(patches), (), tuple(idle))


def _apart(groups: list[_Group]) -> list[_Group]:
    """Groups of which no two change the same place; the others come in the next round."""
    taken: dict[str, list[tuple[int, int]]] = {}
    chosen = []
    for group in groups:
        spans = [(edit.path, edit.start, edit.stop) for fix in group.fixes for edit in fix.edits]
        if any(start <= stop2 and start2 <= stop and not _neighbours(start, stop, start2, stop2) for path, start, stop in spans for start2, stop2 in taken.get(path, ())):
            continue
        for path, start, stop in spans:
            taken.setdefault(path, []).append((start, stop))
        chosen.append(group)
    return chosen


def _neighbours(start: int, stop: int, start2: int, stop2: int) -> bool:
    """Two replacements that only touch."""
    return start < stop and start2 < stop2 and (stop == start2 or stop2 == start)


def _offset(utf8: bytes, line: int, column: int) -> int:
    starts = line_starts(utf8)
    start = starts[min(line, len(starts)) - 1]
    stop = starts[line] if line < len(starts) else len(utf8)
    return start + len(utf8[start:stop].decode("utf-8")[: column - 1].encode("utf-8"))


def _place(path: str, utf8: bytes, start: int, stop: int) -> Place:
    starts = line_starts(utf8)

    def where(offset: int) -> tuple[int, int]:
        from bisect import bisect_right

        line = bisect_right(starts, offset)
        return line, len(utf8[starts[line - 1] : offset].decode("utf-8", "replace")) + 1

    return Place(path, *where(start), *where(stop))
