"""Input that nobody should be given: name, bytes, and the verdict that each must get. `None`: read and rewritten like any other file."""

from __future__ import annotations

from collections.abc import Iterator

CALL = "\nimport requests\nrequests.get('https://api.example.com')\n"
CALL_BYTES = CALL.encode()

Case = tuple[str, bytes, set[str] | None]


def cases() -> Iterator[Case]:
    """Every row of the table, each with a call to rewrite, so that no prefilter can look away."""
    yield from _transformed()
    yield from _codecs()
    yield from _text()
    yield from _syntax()
    yield from _depth()
    yield from _size()


def _transformed() -> Iterator[Case]:
    yield "plain", CALL_BYTES, None
    yield "bom", b"\xef\xbb\xbf" + CALL_BYTES, None
    yield "crlf", CALL_BYTES.replace(b"\n", b"\r\n"), None
    yield "tabs", CALL_BYTES + b"if x:\n\ty = requests.get('u')\n", None
    yield "no_final_newline", CALL_BYTES.rstrip(b"\n"), None
    yield "trailing_whitespace", CALL_BYTES.replace(b")\n", b")   \n"), None
    yield "backslashes", CALL_BYTES + b"x = 1 + \\\n    2\n", None
    yield "shebang", b"#!/usr/bin/env python\n" + CALL_BYTES, None
    yield "fmt_off", b"# fmt: off\n" + CALL_BYTES + b"x=  1\n", None
    yield "astral", CALL_BYTES + 'x = "\U0001f600"; requests.get("é")\n'.encode(), None
    for name in ("latin-1", "cp1252", "shift_jis", "euc-jp", "gbk", "koi8-r"):
        words = {"shift_jis": "日本", "euc-jp": "日本", "gbk": "中文", "koi8-r": "привет"}.get(name, "café")
        yield f"codec_{name}", f"# -*- coding: {name} -*-\nx = '{words}'{CALL}".encode(name), None
    yield "cookie_in_second_line", f"#!/usr/bin/python\n# coding: latin-1\nx = 'café'{CALL}".encode("latin-1"), None
    yield "notebook_named_py", b'{"cells": [], "metadata": {}, "nbformat": 4}\n# requests.get\n', None
    yield "elements_10k", b"x = [" + b"1, " * 10_000 + b"]" + CALL_BYTES, None
    yield "keys_10k", b"x = {" + b"".join(b"%d: 1, " % n for n in range(10_000)) + b"}" + CALL_BYTES, None
    yield "long_line", b"x = '" + b"a" * 900_000 + b"'" + CALL_BYTES, None
    yield "nested_list_90", b"x = " + b"[" * 90 + b"]" * 90 + CALL_BYTES, None
    yield "form_feed_before_code", CALL_BYTES + b"\x0cy = 2\n", None


def _codecs() -> Iterator[Case]:
    odd = {"codec", "undecodable", "syntax-error"}
    yield "utf_7", b"# coding: utf-7\nx = '+AGE-'" + CALL_BYTES, odd
    yield "unicode_escape", b"# coding: unicode_escape\nx = '\\x41'" + CALL_BYTES, odd
    yield "raw_unicode_escape", b"# coding: raw_unicode_escape\nx = '\\u0041'" + CALL_BYTES, odd
    yield "iso_2022_jp", f"# coding: iso-2022-jp\nx = '日本'{CALL}".encode("iso-2022-jp"), odd
    yield "rot13", b"# coding: rot13\nx = 1" + CALL_BYTES, {"undecodable"}
    yield "hex_codec", b"# coding: hex\nx = 1" + CALL_BYTES, {"undecodable"}
    yield "unknown_codec", b"# coding: no-such-codec\nx = 1" + CALL_BYTES, {"undecodable"}
    yield "wrong_cookie", b"# coding: ascii\nx = 'caf\xc3\xa9'" + CALL_BYTES, {"undecodable"}
    yield "utf8_cookie_latin1_bytes", b"# coding: utf-8\nx = 'caf\xe9'" + CALL_BYTES, {"undecodable"}
    yield "cookie_in_third_line", b"#\n#\n# coding: latin-1\nx = 'caf\xe9'" + CALL_BYTES, {"undecodable"}
    yield "bom_and_latin1", b"\xef\xbb\xbf# coding: latin-1\nx = 1" + CALL_BYTES, {"undecodable"}
    yield "invalid_utf8", b"x = '\xff\xfe\x80'" + CALL_BYTES, {"undecodable"}
    yield "lone_surrogate", b"x = '\xed\xa0\x80'" + CALL_BYTES, {"undecodable"}
    yield "overlong", b"x = '\xc0\xaf'" + CALL_BYTES, {"undecodable"}
    yield "double_bom", b"\xef\xbb\xbf\xef\xbb\xbf" + CALL_BYTES, {"undecodable", "syntax-error"}
    yield "utf_16", CALL.encode("utf-16"), {"nul", "undecodable"}
    yield "utf_16_le", CALL.encode("utf-16-le"), {"nul"}
    yield "utf_32", CALL.encode("utf-32"), {"nul", "undecodable"}


def _text() -> Iterator[Case]:
    yield "nul_in_code", CALL_BYTES + b"x = 1\x00\n", {"nul"}
    yield "nul_in_string", CALL_BYTES + b"x = 'a\x00b'\n", {"nul"}
    yield "nul_in_comment", CALL_BYTES + b"# \x00\n", {"nul"}
    yield "nul_at_end", CALL_BYTES + b"\x00", {"nul"}
    yield "control_z", CALL_BYTES + b"\x1a", {"syntax-error"}
    yield "vertical_tab", CALL_BYTES + b"\x0bx = 1\n", {"syntax-error"}
    yield "nbsp", CALL_BYTES + "x =\u00a01\n".encode(), {"syntax-error"}
    yield "zero_width", CALL_BYTES + "x\u200b = 1\n".encode(), {"syntax-error"}
    yield "smart_quotes", CALL_BYTES + "x = \u201ca\u201d\n".encode(), {"syntax-error"}
    yield "cr_only", CALL_BYTES.replace(b"\n", b"\r"), {"line-ends"}
    yield "mixed_ends_last_cr", CALL_BYTES + b"x = 1\r", {"line-ends"}


def _syntax() -> Iterator[Case]:
    for name, code in {
        "python_2_print": "print 'x'",
        "python_2_except": "try:\n    pass\nexcept E, e:\n    pass",
        "python_2_exec": "exec 'x'",
        "python_2_backticks": "x = `1`",
        "double_semicolon": "x = 1;;",
        "conflict_markers": "<<<<<<< HEAD\nx = 1\n=======\nx = 2\n>>>>>>> other",
        "jinja": "x = {{ value }}\n{% if x %}",
        "ipython_magic": "%matplotlib inline",
        "ipython_shell": "!pip install requests",
        "tabs_and_spaces": "if x:\n\ty = 1\n        z = 2",
        "bad_indent": "def f():\nx = 1",
        "unclosed": "x = (1,",
        "unclosed_text": 'x = """',
        "not_python": "this is prose, not code.",
        "form_feed_in_indent": "if x:\n    y = 1\n    \x0c  z = 2",
        "null_bytes_as_text": "x = \\x00",
        "return_in_parens": "x = (return)",
    }.items():
        yield name, f"{CALL}{code}\n".encode(), {"syntax-error", "newer-syntax"}
    for name, code in {
        "pep_695": "type X[T] = list[T]",
        "pep_701": "x = f'{'a'}'",
        "pep_758": "try:\n    pass\nexcept A, B:\n    pass",
        "pep_750": "x = t'{a}'",
    }.items():
        yield name, f"{CALL}{code}\n".encode(), {"newer-syntax", "-"}  # read by a Python that is new enough


def _depth() -> Iterator[Case]:
    deep = {"too-deep", "syntax-error"}
    for count in (201, 400, 1_000, 1_250, 5_000, 50_000):
        yield f"parentheses_{count}", CALL_BYTES + b"x = " + b"(" * count + b"1" + b")" * count + b"\n", deep
        yield f"lists_{count}", CALL_BYTES + b"x = " + b"[" * count + b"]" * count + b"\n", deep
    yield "braces_1000", CALL_BYTES + b"x = " + b"{1:" * 1_000 + b"1" + b"}" * 1_000 + b"\n", deep
    yield "calls_nested_1000", CALL_BYTES + b"x = " + b"f(" * 1_000 + b"1" + b")" * 1_000 + b"\n", deep
    yield "indent_120", CALL_BYTES + b"".join(b" " * n + b"if x:\n" for n in range(120)) + b" " * 120 + b"pass\n", deep
    for count in (1_000, 5_000, 20_000):
        yield f"sum_{count}", CALL_BYTES + b"x = " + b"+".join([b"1"] * count) + b"\n", {"too-deep", "-"}
        yield f"attributes_{count}", CALL_BYTES + b"x = a" + b".a" * count + b"\n", {"too-deep", "-"}
        yield f"calls_{count}", CALL_BYTES + b"x = a" + b"()" * count + b"\n", {"too-deep", "-"}
        yield f"minus_{count}", CALL_BYTES + b"x = " + b"-" * count + b"1\n", {"too-deep", "-"}
        yield f"not_{count}", CALL_BYTES + b"x = " + b"not " * count + b"1\n", {"too-deep", "-"}
        yield f"power_{count}", CALL_BYTES + b"x = " + b"**".join([b"1"] * count) + b"\n", {"too-deep", "-"}
        yield f"lambda_{count}", CALL_BYTES + b"x = " + b"lambda: " * count + b"1\n", {"too-deep", "-"}
        yield f"ternary_{count}", CALL_BYTES + b"x = " + b"1 if a else " * count + b"1\n", {"too-deep", "-"}
        yield f"elif_{count}", CALL_BYTES + b"if a:\n    pass\n" + b"elif a:\n    pass\n" * count, {"too-deep", "-"}
        yield f"texts_{count}", CALL_BYTES + b"x = (" + b"'a' " * count + b")\n", {"too-deep", "-"}
        yield f"compare_{count}", CALL_BYTES + b"x = " + b"<".join([b"1"] * count) + b"\n", {"too-deep", "-"}
        yield f"subscripts_{count}", CALL_BYTES + b"x = a" + b"[0]" * count + b"\n", {"too-deep", "-"}
    yield "calls_200", CALL_BYTES + b"x = a" + b"()" * 200 + b"\n", None


def _size() -> Iterator[Case]:
    yield "code_5_mb", b"x = 1\n" * 830_000 + CALL_BYTES, {"too-large"}
    yield "comments_5_mb", b"# comment\n" * 500_000 + CALL_BYTES, {"too-large"}
    yield "elements_300k", b"x = [" + b"1," * 300_000 + b"]" + CALL_BYTES, {"-", "too-large", "timeout"}
    yield "statements_100k", b"x=1;" * 100_000 + CALL_BYTES, {"-", "too-large", "timeout"}
    yield "lines_20k", b"x = 1\n" * 20_000 + CALL_BYTES, None
