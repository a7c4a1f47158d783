"""What a stranger's repository can plant so that git executes it, each with a plain git command that steps into it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .workbench import CRM, commit, git, service, write


@dataclass(frozen=True)
class Trap:
    """A repository with something planted. `trigger` is what springs it in the hands of plain git."""

    folder: Path
    marker: Path
    trigger: tuple[str, ...]

    def spring(self) -> None:
        """Whatever git says, it does the deed."""
        import subprocess

        environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_VARIANT": "simple"}
        subprocess.run(
            ["git", *self.trigger], cwd=self.folder, capture_output=True, timeout=20, env=environment, check=False
        )


TRAPS: dict[str, Callable[[Path], Trap]] = {}


def trap(plant: Callable[[Path], Trap]) -> Callable[[Path], Trap]:
    TRAPS[plant.__name__] = plant
    return plant


def _victim(tmp: Path) -> tuple[Path, Path, str]:
    """A repository with a file that looks changed, the marker, and a program that makes it."""
    folder, marker = (
        service(tmp / "repo", files={".gitattributes": b"*.py filter=evil diff=evil merge=evil\n"}),
        tmp / "executed",
    )
    program = tmp / "program"
    program.write_text(f'#!/bin/sh\ntouch "{marker}"\n')
    program.chmod(0o755)
    write(folder, {"app/crm.py": CRM + b"# dirty\n"})
    return folder, marker, str(program)


def _configured(*triggers: str, **settings: str) -> Callable[[Path], Trap]:
    """A trap that is only configuration; `PROGRAM` in a value stands for what does the deed, `__` in a name for a dot."""

    def plant(tmp: Path) -> Trap:
        folder, marker, program = _victim(tmp)
        for name, value in settings.items():
            git(
                folder, "config", name.replace("__", ".").replace("PROGRAM", program), value.replace("PROGRAM", program)
            )
        return Trap(folder, marker, triggers)

    return plant


TRAPS["fsmonitor"] = _configured("status", core__fsmonitor="PROGRAM")
TRAPS["clean_filter"] = _configured("status", filter__evil__clean="PROGRAM")
TRAPS["required_filter"] = _configured("status", filter__evil__clean="PROGRAM", filter__evil__required="true")
TRAPS["smudge_filter"] = _configured("checkout", "app/crm.py", filter__evil__smudge="PROGRAM")
TRAPS["process_filter"] = _configured("status", filter__evil__process="PROGRAM")
TRAPS["textconv"] = _configured("diff", diff__evil__textconv="PROGRAM")
TRAPS["external_diff"] = _configured("diff", diff__external="PROGRAM")
TRAPS["diff_driver"] = _configured("diff", diff__evil__command="PROGRAM")
TRAPS["pager"] = _configured("grep", "--open-files-in-pager", "requests", core__pager="PROGRAM", pager__log="PROGRAM")
TRAPS["editor"] = _configured("commit", "--all", core__editor="PROGRAM", sequence__editor="PROGRAM")
TRAPS["signing_program"] = _configured(
    "commit", "-am", "x", commit__gpgSign="true", gpg__program="PROGRAM", log__showSignature="true"
)
TRAPS["key_command"] = _configured(
    "commit",
    "-am",
    "x",
    commit__gpgSign="true",
    gpg__format="ssh",
    gpg__ssh__defaultKeyCommand="PROGRAM",
    gpg__ssh__program="PROGRAM",
)
TRAPS["alias"] = _configured(
    "evil", **{f"alias__{name}": "!PROGRAM" for name in ("evil", "update-ref", "rev-parse", "ls-tree", "config")}
)
TRAPS["ssh_command"] = _configured(
    "fetch", "ssh://localhost/x", core__sshCommand="PROGRAM", remote__origin__url="ssh://localhost/x"
)
TRAPS["ssh_program_of_a_remote"] = _configured(
    "fetch", "origin", core__sshCommand="PROGRAM", remote__origin__url="git@localhost:x"
)
TRAPS["instead_of"] = _configured(
    "fetch",
    "https://example.com/x",
    **{"url.ext::PROGRAM .insteadOf": "https://example.com/"},
    protocol__ext__allow="always",
)


def _hooks_path(tmp: Path) -> Trap:
    found = _configured("commit", "-am", "x")(tmp)
    write(found.folder, {})
    _plant_hooks(found.folder / "planted", tmp / "program")
    git(found.folder, "config", "core.hooksPath", "planted")
    return found


TRAPS["hooks_path"] = _hooks_path


def _plant_hooks(folder: Path, program: Path) -> None:
    folder.mkdir(exist_ok=True)
    names = [
        "applypatch-msg",
        "pre-applypatch",
        "post-applypatch",
        "pre-commit",
        "pre-merge-commit",
        "prepare-commit-msg",
        "commit-msg",
        "post-commit",
        "pre-rebase",
        "post-checkout",
        "post-merge",
        "pre-push",
        "pre-receive",
        "update",
        "proc-receive",
        "post-receive",
        "post-update",
        "reference-transaction",
        "push-to-checkout",
        "pre-auto-gc",
        "post-rewrite",
        "sendemail-validate",
        "fsmonitor-watchman",
        "post-index-change",
    ]
    for name in names:
        (folder / name).write_bytes(program.read_bytes())
        (folder / name).chmod(0o755)


@trap
def hooks(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    _plant_hooks(folder / ".git/hooks", Path(program))
    return Trap(folder, marker, ("update-ref", "refs/heads/x", "HEAD"))


@trap
def included_file(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    write(folder, {"innocent.txt": f"[core]\nfsmonitor = {program}\n".encode()})
    git(folder, "config", "include.path", "../innocent.txt")
    return Trap(folder, marker, ("status",))


@trap
def included_on_a_condition(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    write(folder, {"innocent.txt": f"[core]\nfsmonitor = {program}\n".encode()})
    git(folder, "config", "includeIf.gitdir:/.path", "../innocent.txt")
    return Trap(folder, marker, ("status",))


@trap
def configuration_of_the_work_tree(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "core.fsmonitor", program)
    return Trap(folder, marker, ("status",))


@trap
def git_folder_elsewhere(tmp: Path) -> Trap:
    found = _configured("status", core__fsmonitor="PROGRAM")(tmp)
    os.rename(found.folder / ".git", tmp / "elsewhere")
    (found.folder / ".git").write_text(f"gitdir: {tmp / 'elsewhere'}\n")
    git(found.folder, "config", "core.worktree", str(found.folder))
    return found


@trap
def bare_repository_among_the_files(tmp: Path) -> Trap:
    """A folder that happens to be a git folder, without any .git, as an archive or a parent repository may bring it."""
    found = _configured("--work-tree=..", "status", core__fsmonitor="PROGRAM")(tmp)
    os.rename(found.folder / ".git", found.folder / "data")
    return Trap(found.folder / "data", found.marker, found.trigger)


@trap
def submodule(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    git(folder, "submodule", "--quiet", "add", str(service(tmp / "library")), "vendored")
    git(folder, "commit", "--quiet", "-m", "a library")
    git(folder / "vendored", "config", "filter.evil.clean", program)
    git(folder / "vendored", "config", "core.fsmonitor", program)
    git(folder, "config", "submodule.vendored.update", f"!{program}")
    write(folder / "vendored", {".gitattributes": b"*.py filter=evil\n", "app/crm.py": b"changed = 1\n"})
    return Trap(folder, marker, ("status",))


def _promised(address: str, **settings: str) -> Callable[[Path], Trap]:
    """A partial clone whose missing file git would fetch from `address`, by whatever means are configured."""

    def plant(tmp: Path) -> Trap:
        folder, marker, program = _victim(tmp)
        id = git(folder, "rev-parse", "HEAD:app/crm.py")
        (folder / ".git/objects" / id[:2] / id[2:]).unlink()
        wanted = {"remote.origin.url": address, "remote.origin.promisor": "true", "extensions.partialClone": "origin"}
        for name, value in {**wanted, **{name.replace("__", "."): value for name, value in settings.items()}}.items():
            git(folder, "config", name.replace("PROGRAM", program), value.replace("PROGRAM", program))
        git(folder, "config", "core.repositoryFormatVersion", "1")
        return Trap(folder, marker, ("cat-file", "-p", id))

    return plant


TRAPS["promise_by_ext"] = _promised("ext::PROGRAM", protocol__ext__allow="always")
TRAPS["promise_by_ssh"] = _promised("ssh://localhost/x", core__sshCommand="PROGRAM")
TRAPS["promise_by_upload_pack"] = _promised(
    "/tmp", remote__origin__uploadpack="PROGRAM", protocol__file__allow="always"
)
TRAPS["promise_by_proxy"] = _promised("git://localhost/x", core__gitProxy="PROGRAM")
TRAPS["promise_by_rewritten_address"] = _promised(
    "https://example.com/x", **{"url.ext::PROGRAM .insteadOf": "https://example.com/"}, protocol__ext__allow="always"
)


@trap
def merge_driver(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    git(folder, "config", "merge.evil.driver", program)
    git(folder, "checkout", "--quiet", "app/crm.py")
    git(folder, "switch", "--quiet", "--create", "other")
    commit(folder, {"app/crm.py": CRM + b"# theirs\n"})
    git(folder, "switch", "--quiet", "main")
    commit(folder, {"app/crm.py": CRM + b"# ours\n"})
    return Trap(folder, marker, ("merge", "other"))


@trap
def collecting_rubbish(tmp: Path) -> Trap:
    folder, marker, program = _victim(tmp)
    git(folder, "config", "gc.auto", "1")
    git(folder, "config", "gc.autoDetach", "false")
    for number in range(600):
        (folder / f".git/objects/17/{number:038x}").parent.mkdir(exist_ok=True)
        (folder / f".git/objects/17/{number:038x}").touch()
    _plant_hooks(folder / ".git/hooks", Path(program))
    return Trap(folder, marker, ("gc", "--auto"))
