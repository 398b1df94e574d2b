"""What a server says when it starts, where it listens, and the folder that it makes."""

import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from terrazzo.errors import InputError
from terrazzo.serving.folder import DataFolder, make_folder
from terrazzo.serving.settings import Settings
from terrazzo.serving.starting import address, announce, bound
from tests.worlds.site import TOKENS, make_site

SETTINGS = Settings(Path("models"), DataFolder(Path("data")))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "http://127.0.0.1:8000/"),
        ({"host": "0.0.0.0", "port": 81}, "http://127.0.0.1:81/"),
        ({"host": "::"}, "http://[::1]:8000/"),
        (
            {"host": "10.0.0.7", "allow_hosts": ("10.0.0.7", "a.org"), "root_path": "/maps"},
            "http://10.0.0.7:8000/maps/",
        ),
        ({"host": "10.0.0.7", "allow_hosts": ("a.org",)}, "http://a.org:8000/"),
        ({"tls_cert": Path("cert.pem"), "port": 8443}, "https://127.0.0.1:8443/"),
    ],
    ids=str,
)
def test_the_address_is_one_that_a_browser_here_opens(changes: dict[str, Any], expected: str) -> None:
    assert address(replace(SETTINGS, **changes)) == expected


def said(root: Path, **changes: Any) -> list[str]:
    lines: list[str] = []
    announce(make_site(root, TOKENS, **changes), lines.append, browser=False)
    return lines


def test_it_says_how_many_models_where_and_in_which_folder(tmp_path: Path) -> None:
    assert said(tmp_path, port=8123) == [
        "serving 1 model at http://127.0.0.1:8123/ (Ctrl-C ends it; the API: http://127.0.0.1:8123/docs)",
        f"uploads, jobs and maps: {tmp_path / 'data'}",
    ]


def test_without_tls_on_another_address_it_warns_that_tokens_travel_in_the_clear(tmp_path: Path) -> None:
    lines = said(tmp_path / "clear", host="0.0.0.0")
    assert lines[-1].startswith(
        "warning: without --tls-cert and --tls-key the tokens travel in the clear; use them, or"
    )
    assert not [line for line in said(tmp_path / "tls", host="0.0.0.0", tls_cert=Path("c")) if "warning" in line]


def test_port_0_is_one_that_is_free_and_then_in_use() -> None:
    with bound(replace(SETTINGS, port=0)) as sock:
        host, port = sock.getsockname()
        assert host == "127.0.0.1"
        with (
            pytest.raises(InputError, match=f"^--port {port}: is in use at 127.0.0.1; stop the other program, or"),
            bound(replace(SETTINGS, port=port)),
        ):
            pass


def test_the_data_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "data")
    assert stat.S_IMODE((tmp_path / "a" / "data").stat().st_mode) == 0o700
    make_folder(tmp_path / "a" / "data")  # one that is there is kept
    (tmp_path / "file").touch()
    for path, words in ((tmp_path / "file", "is a file; choose another"), (tmp_path / "file" / "x", "cannot be made")):
        with pytest.raises(InputError, match=words):
            make_folder(path)
