"""The token of a worker: alone in its file, or the one of the role worker in a file of several."""

from pathlib import Path

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.remote.token import token_of


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "token.txt"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    "text",
    ["t1", "\n# the gpu\n t1 \n", "gpu worker t1\n", "anna user t2\ngpu worker t1\nroot admin t3\n", "\ufefft1\n"],
)
def test_the_token_alone_or_the_one_of_a_worker(tmp_path: Path, text: str) -> None:
    assert token_of(written(tmp_path, text)) == "t1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no token; expected the token alone, or one line `name worker token`"),
        ("gpu worker\n", "has another form"),
        ("t1\nt2\n", "has another form"),
        ("anna user t1\n", "holds no token of the role worker"),
        ("gpu worker t1\nbox worker t2\n", "holds 2 tokens of the role worker"),
        ("tökén", "has other letters than ASCII"),
    ],
)
def test_any_other_file_is_refused_without_showing_a_token(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError) as refused:
        token_of(written(tmp_path, text))
    assert words in str(refused.value)
    assert "t1" not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(InputError, match="others than you may read or write it; run `chmod 600 "):
        token_of(written(tmp_path, "t1", mode))
