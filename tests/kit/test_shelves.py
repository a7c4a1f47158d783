"""What a file's text says of what it puts on an application, and asks it for."""

from __future__ import annotations

from loadproof.codemods.kit.shelves import asked, put


def test_what_is_put_is_named() -> None:
    raw = b'app["chain"] = x\ncurrent_app.config["CHAIN"]=1\napplication.chat: Chain = 3\napp[keys.WRITER] = 2\napp.title == 3\napp.state.x = 4\n'
    assert put(raw) == {b"chain", b"CHAIN", b"chat", b"WRITER"}


def test_what_is_asked_for_is_named_in_files_that_know_an_application() -> None:
    raw = b'config = current_app.config\nconfig["CHAIN"], request.app.get("chain"), request.app[keys.WRITER], app.chat'
    assert asked(raw) >= {b"CHAIN", b"chain", b"WRITER", b"chat"}
    assert asked(b'parts["chain"]') == frozenset()
