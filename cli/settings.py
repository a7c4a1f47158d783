"""What the user asked for: in pyproject.toml or loadproof.toml, and on the command line, which wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from .trouble import Trouble, did_you_mean

if TYPE_CHECKING:
    from ..codemods.kit.codemod import Codemod
    from ..codemods.kit.rewrite import Choice

DEFAULT_EXCLUDE = (
    ".git", ".hg", ".svn", ".venv", "venv", "env", ".tox", ".nox", "node_modules", "site-packages", "__pypackages__",
    "build", "dist", ".eggs", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".cache", ".hypothesis",
    ".ipynb_checkpoints", "*_pb2*.py",
)  # fmt: skip
CONFIGURATION = ("loadproof.toml", "pyproject.toml")  # in this order, within one folder
KEYS = (
    "select",
    "extend-select",
    "ignore",
    "unsafe-fixes",
    "exclude",
    "extend-exclude",
    "force-exclude",
    "per-file-ignores",
)


@dataclass(frozen=True, slots=True)
class Settings:
    """Which codemods, with which settings, and which files are none of our business."""

    select: tuple[str, ...] | None = None  # None: those that are on by default
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    unsafe_fixes: bool = False
    codemods: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    exclude: tuple[str, ...] = DEFAULT_EXCLUDE
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool = False
    per_file_ignores: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def excluded(self) -> tuple[str, ...]:
        return self.exclude + self.extend_exclude

    def names(self) -> tuple[str, ...]:
        """The codemods that run, in the order of the product's table of contents."""
        wanted = (
            {name for name, codemod in known().items() if codemod.default}
            if self.select is None
            else set(_every(self.select))
        )
        wanted |= set(_every(self.extend_select))
        wanted -= set(_every(self.ignore))
        return tuple(name for name in known() if name in wanted)

    def choice(self) -> Choice:
        from ..codemods.kit.rewrite import Choice

        return Choice(self.names(), self.codemods, self.unsafe_fixes)


def known() -> Mapping[str, Codemod]:
    """Every codemod by its name."""
    from ..codemods import codemods

    return codemods()


def known_codemod(name: str) -> Codemod:
    """The codemod of that name. Raises Trouble when there is none."""
    if name not in known():
        raise Trouble(f"there is no codemod `{name}`", did_you_mean(name, known()))
    return known()[name]


def _every(names: Iterable[str]) -> Iterable[str]:
    names = tuple(names)
    return known() if "ALL" in names else names


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says; None and () leave the configuration as it is."""

    select: tuple[str, ...] | None = None
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    unsafe_fixes: bool | None = None
    settings: tuple[tuple[str, str, str], ...] = ()  # (codemod, setting, value as typed)
    exclude: tuple[str, ...] | None = None
    extend_exclude: tuple[str, ...] = ()
    force_exclude: bool | None = None

    def over(self, settings: Settings) -> Settings:
        """These wishes on top of what the configuration says."""
        codemods = {name: dict(values) for name, values in settings.codemods.items()}
        for codemod, setting, typed in self.settings:
            codemods.setdefault(codemod, {})[setting] = _typed(codemod, setting, typed)
        return replace(
            settings,
            select=self.select if self.select is not None else settings.select,
            extend_select=settings.extend_select + self.extend_select,
            ignore=settings.ignore + self.ignore,
            unsafe_fixes=settings.unsafe_fixes if self.unsafe_fixes is None else self.unsafe_fixes,
            codemods=codemods,
            exclude=settings.exclude if self.exclude is None else self.exclude,
            extend_exclude=settings.extend_exclude + self.extend_exclude,
            force_exclude=settings.force_exclude if self.force_exclude is None else self.force_exclude,
        )


def asked(
    select: str | None = None,
    extend_select: str | None = None,
    ignore: str | None = None,
    unsafe_fixes: bool | None = None,
    settings: Sequence[str] = (),
    exclude: str | None = None,
    extend_exclude: str | None = None,
    force_exclude: bool | None = None,
) -> Asked:
    """The words of the command line, understood. Raises Trouble for a codemod or a setting that does not exist."""
    triples = []
    for word in settings:
        left, equals, value = word.partition("=")
        codemod, dot, setting = left.strip().partition(".")
        if not (equals and dot):
            raise Trouble(f"--set {word}: not CODEMOD.SETTING=VALUE", "for example: --set requests-timeout.read=30")
        _check_names("--set", (codemod,))
        _typed(codemod, setting, value)
        triples.append((codemod, setting, value))
    return Asked(
        select=None if select is None else _check_names("--select", _words(select)),
        extend_select=_check_names("--extend-select", _words(extend_select)),
        ignore=_check_names("--ignore", _words(ignore)),
        unsafe_fixes=unsafe_fixes,
        settings=tuple(triples),
        exclude=None if exclude is None else _words(exclude),
        extend_exclude=_words(extend_exclude),
        force_exclude=force_exclude,
    )


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())


def _check_names(where: str, names: Iterable[str]) -> tuple[str, ...]:
    names = tuple(names)
    for name in names:
        if name != "ALL" and name not in known():
            raise Trouble(f"{where}: there is no codemod `{name}`", did_you_mean(name, known()))
    return names


def _typed(codemod: str, setting: str, typed: object, where: str = "--set") -> object:
    """A value of the kind that the setting's default has; text is read as that kind."""
    defaults = known()[codemod].settings
    if setting not in defaults:
        advice = did_you_mean(setting, defaults) if defaults else f"{codemod} has no settings"
        raise Trouble(f"{where}: {codemod} has no setting `{setting}`", advice)
    default = defaults[setting]
    if known()[codemod].run.__annotations__.get(setting) in ("float", float) and isinstance(default, int):
        default = float(default)  # `connect: float = 5`
    value = _as(default, typed)
    if value is None:
        raise Trouble(f"{where}: {codemod}.{setting} is {_kind(default)}, not {typed!r}", f"the default is {default!r}")
    return value


def _as(default: object, value: object) -> object:
    if isinstance(default, bool):
        if isinstance(value, str):
            return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(
                value.strip().lower()
            )
        return value if isinstance(value, bool) else None
    if isinstance(default, (int, float)):
        if isinstance(value, bool):
            return None
        try:
            number = float(value) if isinstance(value, (str, int, float)) else float("nan")
        except ValueError:
            return None
        if not 0 <= number < float("inf"):
            return None
        return int(number) if number == int(number) else number if isinstance(default, float) else None
    if isinstance(default, str):
        return value if isinstance(value, str) else None
    return value


def _kind(default: object) -> str:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int):
        return "a whole number"
    return "a number" if isinstance(default, float) else "text"


def settings_in(name: str, content: bytes) -> Settings | None:
    """The settings that a configuration file holds; None when it does not speak of loadproof."""
    if name == "pyproject.toml" and b"loadproof" not in content:
        return None
    import tomllib

    try:
        table: Any = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Trouble(f"{name} cannot be read: {error}", "mend the file, then run this again") from None
    if name == "pyproject.toml":
        table = table.get("tool", {}).get("loadproof") if isinstance(table.get("tool"), dict) else None
    elif isinstance(table.get("tool"), dict) and "loadproof" in table["tool"]:
        table = table["tool"]["loadproof"]
    if table is None:
        return None
    if not isinstance(table, dict):
        raise Trouble(f"{name}: tool.loadproof is not a table", "write [tool.loadproof] above its keys")
    return _settings(name, table)


def _settings(name: str, table: Mapping[str, Any]) -> Settings:
    values: dict[str, Any] = {}
    codemods: dict[str, Mapping[str, object]] = {}
    for key, value in table.items():
        if key in known():
            if not isinstance(value, dict):
                raise Trouble(
                    f"{name}: `{key}` is a codemod; its settings are a table",
                    f"write [tool.loadproof.{key}] above them",
                )
            codemods[key] = {setting: _typed(key, setting, given, name) for setting, given in value.items()}
        elif key not in KEYS:
            raise Trouble(f"{name}: unknown key `{key}`", did_you_mean(key, [*KEYS, *known()]))
        elif key in ("unsafe-fixes", "force-exclude"):
            if not isinstance(value, bool):
                raise Trouble(f"{name}: `{key}` is true or false, not {value!r}")
            values[key.replace("-", "_")] = value
        elif key == "per-file-ignores":
            values["per_file_ignores"] = tuple(
                (pattern, _check_names(f"{name}: per-file-ignores", _strings(name, key, names)))
                for pattern, names in _mapping(name, key, value).items()
            )
        else:
            words = _strings(name, key, value)
            values[key.replace("-", "_")] = _check_names(f"{name}: {key}", words) if "exclude" not in key else words
    return Settings(codemods=codemods, **values)


def _mapping(name: str, key: str, value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Trouble(f"{name}: `{key}` is a table", f'for example: [tool.loadproof.{key}] "tests/**" = ["ALL"]')
    return value


def _strings(name: str, key: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise Trouble(f"{name}: `{key}` is a list of texts, not {value!r}")
    return tuple(value)
