"""The token file, tokens in headers, and the count of wrong ones."""

import base64
from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.http.access.tokens import Failures, Tokens, read_tokens, token_in
from terrazzo.serving.http.site import Caller


def token_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "token.txt"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_names_roles_and_tokens(tmp_path: Path) -> None:
    path = token_file(tmp_path, "# who\nanna user t1\n\n  gpu-2   worker\tt2  \nroot admin t3\n")
    tokens = read_tokens(path)
    assert tokens.needed
    assert tokens.caller("t1") == Caller("anna", "user")
    assert tokens.caller("t2") == Caller("gpu-2", "worker")
    assert tokens.caller("t3") == Caller("root", "admin")
    assert [tokens.caller(wrong) for wrong in ("", "t", "t1 ", "T1", "anna", "t1\x00", "\udcff")] == [None] * 7


def test_no_file_means_no_tokens() -> None:
    assert read_tokens(None) == Tokens()
    assert not Tokens().needed


def test_the_tokens_themselves_are_not_kept(tmp_path: Path) -> None:
    assert "secret-of-anna" not in repr(read_tokens(token_file(tmp_path, "anna user secret-of-anna\n")))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602, 0o644, 0o610])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = token_file(tmp_path, "anna user t1\n", mode)
    with pytest.raises(InputError, match=r"--token-file .*token\.txt: others than you .*chmod 600 "):
        read_tokens(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("anna user\n", "line 1 has another form; expected `name role token`, with the role user, worker or admin"),
        ("a user t\n\nanna boss t1\n", "line 3 has another form"),
        ("anna user t1 t2\n", "line 1 has another form"),
        ("anna user tökén\n", "line 1 has another form"),
        ("anna user t1\nanna admin t2\n", "line 2 has the name anna again"),
        ("anna user t1\nben user t1\n", "line 2 has a token of a line before again"),
        ("# nobody\n\n", "holds no token"),
        ("", "holds no token"),
    ],
)
def test_a_malformed_file_is_refused_without_showing_a_token(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        read_tokens(token_file(tmp_path, text))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "t1" not in str(refused.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_tokens(tmp_path / "none.txt")
    path = tmp_path / "bytes"
    path.write_bytes(b"\xff\xfe\x00")
    path.chmod(0o600)
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_tokens(path)


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer t1", "t1"),
        ("bearer   t1 ", "t1"),
        (basic("anyone:t1"), "t1"),
        (basic(":t1"), "t1"),
        (basic("a:b:c"), "b:c"),
        ("Bearer", None),
        ("Basic !!!", None),
        ("Basic " + base64.b64encode(b"\xff:\xfe").decode(), None),
        (basic("no colon"), None),
        ("Digest t1", None),
        ("t1", None),
        ("", None),
    ],
)
def test_the_token_in_a_header(header: str, token: str | None) -> None:
    assert token_in(header) == token


def test_ten_wrong_tokens_a_minute_then_a_wait_until_the_first_is_a_minute_old() -> None:
    time = [100.0]
    failures = Failures(lambda: time[0])
    for _ in range(9):
        failures.add("a")
    assert failures.seconds("a") == 0
    time[0] = 110.0
    failures.add("a")
    assert failures.seconds("a") == 50.0
    assert failures.seconds("b") == 0
    time[0] = 160.0
    assert failures.seconds("a") == 0
    failures.add("a")  # the tenth of the last minute is the one of 110 s, and only two are that young
    assert failures.seconds("a") == 0


def test_the_count_of_addresses_is_bounded() -> None:
    failures = Failures(lambda: 0.0)
    for number in range(10_001):
        failures.add(str(number))
    assert len(failures._times) == 10_000
