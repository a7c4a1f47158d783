"""git, called as a stranger's repository deserves: argument lists only, and nothing that the repository configures runs."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from .trouble import Trouble

if TYPE_CHECKING:
    from git.cmd import Git as GitPython

# What a repository's own configuration could make git execute, named and put out. Environment wins over the
# repository where a `-c` does not: its protocol.ext.allow beats our protocol.allow.
_SETTINGS = (
    "core.fsmonitor=false",
    f"core.hooksPath={os.devnull}",
    "core.askPass=",
    "core.sshCommand=false",
    "credential.helper=",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)
_CLOSED = {
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_LITERAL_PATHSPECS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
}
# For the few calls that go to the network, by an address that the user gave, outside any stranger's repository: the
# user's own ssh command, proxies and credential helpers are wanted there.
_NETWORK_SETTINGS = (f"core.hooksPath={os.devnull}", "core.fsmonitor=false", "protocol.ext.allow=never", "gc.auto=0")

# `git rev-parse --local-env-vars`, and the one that runs a program: they belong to the git that called us (a hook, an
# alias) and would turn every call towards its repository instead of the one that was named.
_OF_THE_CALLER = [
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_ATTR_SOURCE",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_CONFIG_COUNT",
    "GIT_CONFIG_PARAMETERS",
    "GIT_DIR",
    "GIT_EXTERNAL_DIFF",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
]

PATIENCE = 300.0  # seconds; only a configuration that includes a pipe or a dead network drive is that slow


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call of git said."""

    code: int
    out: bytes
    said: str

    @property
    def lines(self) -> list[str]:
        """The lines of the output; a path that is not UTF-8 keeps its bytes as surrogate escapes."""
        return self.out.decode("utf-8", "surrogateescape").split("\n")[:-1]


@dataclass(frozen=True, slots=True)
class Git:
    """git in one folder. `environment` is added to every call; `network` names the protocols that may be spoken."""

    folder: str
    environment: Mapping[str, str] = field(default_factory=dict)
    network: Sequence[str] = ()
    patience: float = PATIENCE
    apart: bool = False  # in a session of its own: what ends us, by a key or a group's signal, lets git finish

    def ask(self, *words: str, stdin: BinaryIO | None = None, into: BinaryIO | None = None) -> Answer:
        """Run git and tell how it ended, well or not. With `into`, its output goes to that file."""
        settings = _NETWORK_SETTINGS if self.network else _SETTINGS
        # -C and not GitPython's working folder: that one expands `~` and `$NAME` in a folder's name.
        command = ["git", "-C", self.folder, *(part for setting in settings for part in ("-c", setting)), *words]
        closed = {**_CLOSED, "GIT_ALLOW_PROTOCOL": ":".join(self.network)} if self.network else _CLOSED
        code, out, said = _runner().execute(
            command,
            istream=stdin,
            env={**closed, **self.environment},
            output_stream=into,
            with_extended_output=True,
            with_exceptions=False,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
            kill_after_timeout=self.patience if os.name == "posix" else None,
            start_new_session=self.apart,
        )
        if code == -9 and said.startswith("Timeout:"):
            raise Trouble(f"git {words[0]} did not answer in {self.patience:g} seconds in {self.folder}")
        return Answer(code, out if isinstance(out, bytes) else b"", said)

    def __call__(self, *words: str, stdin: BinaryIO | None = None, into: BinaryIO | None = None) -> Answer:
        """The answer of a call that has to end well; git's own words otherwise."""
        answer = self.ask(*words, stdin=stdin, into=into)
        if answer.code != 0:
            raise Trouble(f"git {words[0]}: {told(answer)}")
        return answer


def told(answer: Answer) -> str:
    """What git complained of, in one line where it can be."""
    lines = [line.removeprefix("fatal: ").removeprefix("error: ") for line in answer.said.splitlines() if line.strip()]
    return "; ".join(lines) or f"ended with code {answer.code} and said nothing"


def _runner() -> GitPython:
    for name in _OF_THE_CALLER:
        os.environ.pop(name, None)
    try:
        from git.cmd import Git as GitPython  # 75 ms, paid only by the runs that need git
    except ImportError as error:
        raise Trouble("git could not be started", "install git, or put it on the PATH") from error
    return GitPython()


def ready() -> None:
    """Import now what the first call of git would import; for those about to fork."""
    _runner()


def plain_input(content: bytes) -> BinaryIO:
    """A file that git can read `content` from."""
    from tempfile import TemporaryFile

    file = TemporaryFile()  # noqa: SIM115  # the caller closes it by letting it go
    file.write(content)
    file.seek(0)
    return file
