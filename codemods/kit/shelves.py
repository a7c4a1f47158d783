"""What files put on a web application under a name and ask it for, at a glance: `app["chain"] = ...`, `current_app.config["CHAIN"]`."""

from __future__ import annotations

import re

_WORDS = (b"current_app", b"request.app", b".app[", b".app.", b"app[", b"app.config", b"config_dict")
_KEY = rb"\[\s*[\"']?([\w.\-]+)[\"']?\s*\]"
_PUT = re.compile(rb"app(?:lication)?(?:\.(?:config|extensions|ctx|shared_ctx))?(?:" + _KEY + rb"|\.(\w+))\s*(?::[^=\n]{1,80})?=[^=]")
_ASKED = re.compile(_KEY + rb"|\.(?:get|pop)\(\s*[\"']?([\w.\-]+)[\"']?\s*[,)]|app(?:lication)?(?:\.(?:ctx|shared_ctx))?\.(?!get\(|pop\()(\w+)")


def put(raw: bytes) -> frozenset[bytes]:
    """The names under which a file may put something on an application; `app.state` is another matter."""
    return _names(_PUT, raw) - {b"state"} if b"app" in raw else frozenset()


def asked(raw: bytes) -> frozenset[bytes]:
    """The names for which a file may ask an application, or anything else in it."""
    return _names(_ASKED, raw) if any(word in raw for word in _WORDS) else frozenset()


def _names(pattern: re.Pattern[bytes], raw: bytes) -> frozenset[bytes]:
    return frozenset(name.rpartition(b".")[2] for groups in pattern.findall(raw) for name in groups if name)
