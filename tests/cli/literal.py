"""Results written down by hand: what a plan would say, without one."""

from __future__ import annotations

from collections.abc import Sequence

from loadproof.codemods.kit.finding import Edit, Fix, Place, Refusal
from loadproof.codemods.kit.rewrite import Identity, Patch, Reported, Result, Step

Site = tuple[str, str, int]  # codemod, path, line


def fix(codemod: str, path: str, line: int = 1, group: str = "", also: str = "") -> Reported:
    """An applied fix, with an edit in its own file and perhaps in another one."""
    edits = tuple(Edit(where, 0, 1, "x") for where in (path, also) if where)
    return Reported(
        Fix(Place(path, line, 1, line, 5), "waits for ever", edits, group=group, codemod=codemod), "fixable", None, True
    )


def refusal(codemod: str, path: str, line: int = 1) -> Reported:
    said = Refusal(
        Place(path, line, 1, line, 5), "the keywords are spread", "keywords-spread", "name them one by one", codemod
    )
    return Reported(said, "refused", "keywords-spread")


def patch(path: str, *steps: tuple[str, bytes], before: bytes = b"0\n") -> Patch:
    """A file that goes from `before` through the steps."""
    made: list[Step] = []
    for codemod, after in steps:
        made.append(Step(codemod, made[-1].after if made else before, after))
    return Patch(path, before, made[-1].after, tuple(made))


def planned(
    sites: Sequence[Site], rejected: frozenset[Identity] = frozenset(), groups: dict[Site, str] | None = None
) -> Result:
    """What would come of codemods that each turn the line of a site into their own name, some sites rejected."""
    groups = groups or {}
    unwanted = {groups.get(site, "") for site in sites if (site[0], site[1], site[2], 1) in rejected} - {""}
    taken = [
        site for site in sites if (site[0], site[1], site[2], 1) not in rejected and groups.get(site) not in unwanted
    ]
    order = list(dict.fromkeys(codemod for codemod, _, _ in sites))
    patches = []
    for path in sorted({path for _, path, _ in taken}):
        lines = [b"%d\n" % number for number in range(1, 10)]
        steps: list[tuple[str, bytes]] = []
        for codemod in order:
            mine = [line for name, where, line in taken if (name, where) == (codemod, path)]
            for line in mine:
                lines[line - 1] = codemod.encode() + b"\n"
            if mine:
                steps.append((codemod, b"".join(lines)))
        patches.append(patch(path, *steps, before=b"".join(b"%d\n" % number for number in range(1, 10))))
    findings = [fix(codemod, path, line, groups.get((codemod, path, line), "")) for codemod, path, line in taken]
    return Result(tuple(findings), tuple(patches))
