"""What is to be known of requests: its verbs, its sessions, and who hands a function's arguments on."""

from __future__ import annotations

VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
FUNCTIONS = frozenset(f"{module}.{verb}" for module in ("requests", "requests.api") for verb in VERBS)
SESSION_METHODS = frozenset({*VERBS, "send"})

# Calls and classes whose value is a Session, those of packages that only derive from it counted in.
SESSIONS = frozenset(
    {
        "requests.Session", "requests.session", "requests.sessions.Session", "requests.sessions.session", "requests_cache.CachedSession", "requests_cache.session.CachedSession",
        "requests_oauthlib.OAuth1Session", "requests_oauthlib.OAuth2Session", "requests_toolbelt.sessions.BaseUrlSession", "requests_html.HTMLSession",
        "requests_futures.sessions.FuturesSession",
    }
)  # fmt: skip

# Session.request(method, url, params, data, headers, cookies, files, auth, timeout): the only place for it without a keyword
TIMEOUT_POSITION = 8

# f(function, *args, **kwargs) calls function(*args, **kwargs)
FORWARDERS = frozenset(
    {
        "asyncio.to_thread", "functools.partial", "fastapi.concurrency.run_in_threadpool", "starlette.concurrency.run_in_threadpool", "functools.partialmethod",
    }
)  # fmt: skip

# these call a function later, with no place for a keyword of its own
RUNNERS = frozenset({"anyio.to_thread.run_sync", "asgiref.sync.sync_to_async", "chainlit.make_async", "threading.Thread", "threading.Timer", "builtins.map", "map", "gevent.spawn"})
RUNNER_METHODS = frozenset({"run_in_executor", "submit", "map", "add_task", "imap", "imap_unordered", "starmap", "apply", "apply_async", "spawn", "run_sync"})
