"""Where repositories come from: folders, or addresses that are cloned into a cache. Nothing but https, ssh and (asked for) file."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from hashlib import sha256

from .git import Git, told
from .trouble import Trouble

_ADDRESS = re.compile(r"(?P<protocol>https|ssh|file)://(?P<user>[^/@\s]+@)?(?P<rest>[^\s-][^\s]*)", re.ASCII)
_SHORT = re.compile(
    r"(?P<user>[A-Za-z0-9_.-]+@)?(?P<host>[A-Za-z0-9][A-Za-z0-9_.-]*):(?![:/])(?P<rest>[^\s-][^\s]*)", re.ASCII
)
_PATIENCE = 1800.0  # seconds for a clone


@dataclass(frozen=True, slots=True)
class Source:
    """One repository of a batch: a folder, or the address that it is cloned from. `name` holds no secret."""

    name: str
    folder: str = ""
    address: str = ""
    protocol: str = ""


def source(word: str, allow_file: bool = False) -> Source:
    """What a word of the command line or of a list means. Raises Trouble for what is neither a folder nor an address."""
    if os.path.isdir(word):
        return Source(os.path.normpath(word), folder=os.path.abspath(word))
    if any(not letter.isprintable() for letter in word):
        raise Trouble(f"{word!r} is neither a folder nor an address")
    if found := _ADDRESS.fullmatch(word):
        if found["protocol"] == "file" and not allow_file:
            raise Trouble(f"{word} is a file address", "name the folder itself, or say --allow-file")
        return Source(f"{found['protocol']}://{found['rest']}", address=word, protocol=found["protocol"])
    if found := _SHORT.fullmatch(word):
        return Source(f"{found['host']}:{found['rest']}", address=word, protocol="ssh")
    if "://" in word or "::" in word:
        raise Trouble(
            f"{_without_secret(word)} cannot be cloned",
            "addresses begin with https:// or ssh://, or are like git@host:path",
        )
    raise Trouble(f"{word}: there is no such folder", "name folders, or addresses that begin with https:// or ssh://")


def words_of_list(path: str) -> list[str]:
    """The lines of a list of repositories; # begins a comment."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().split("\n")
    except OSError as error:
        raise Trouble(f"{path} cannot be read: {error.strerror}") from None
    return [word for line in lines if (word := re.sub(r"(^|\s)#.*", "", line).strip())]


def cache_folder() -> str:
    """The user's folder for what can be fetched again."""
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "loadproof", "clones")


def fetched(wanted: Source, cache: str) -> str:
    """The folder of a source: its own, or that of a bare and shallow clone in the cache, which is brought up to date."""
    if wanted.folder:
        return wanted.folder
    os.makedirs(cache, mode=0o700, exist_ok=True)
    label = re.sub(r"[^A-Za-z0-9]+", "-", wanted.name.rpartition(":")[2]).strip("-")[-60:]
    folder = os.path.join(
        cache, f"{label}-{sha256(wanted.address.encode('utf-8', 'surrogateescape')).hexdigest()[:12]}.git"
    )
    git = Git(cache, network=(wanted.protocol,), patience=_PATIENCE)
    if not os.path.isdir(folder):
        _clone(git, wanted, folder)
    else:
        head = Git(folder)("symbolic-ref", "HEAD").lines[0]
        words = ("fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--update-head-ok")
        _ask(
            Git(folder, network=git.network, patience=_PATIENCE), wanted, *words, "--", wanted.address, f"+HEAD:{head}"
        )
    return folder


def _clone(git: Git, wanted: Source, folder: str) -> None:
    """Into a folder of another name first: a clone that was cut short is never taken for one."""
    unfinished = f"{folder}.{os.getpid()}"
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        words = (
            "clone",
            "--quiet",
            "--bare",
            "--depth=1",
            "--single-branch",
            "--no-tags",
            "--no-recurse-submodules",
            "--template=",
        )
        _ask(git, wanted, *words, "--", wanted.address, unfinished)
        os.rename(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _ask(git: Git, wanted: Source, *words: str) -> None:
    answer = git.ask(*words)
    if answer.code != 0:
        secret = wanted.address.partition("://")[2].rpartition("@")[0] if "://" in wanted.address else ""
        said = told(answer).replace(wanted.address, wanted.name)
        raise Trouble(f"{wanted.name}: {said.replace(secret, '***') if secret else said}", exit_code=3)


def _without_secret(word: str) -> str:
    return re.sub(r"//[^/@]*@", "//", word)
