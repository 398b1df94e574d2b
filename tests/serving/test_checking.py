"""The words of `terrazzo serve` as Settings."""

import inspect
from pathlib import Path
from typing import Any

import pytest

import terrazzo
from terrazzo.errors import InputError
from terrazzo.serving.checking import is_loopback, settings_of
from terrazzo.serving.settings import Settings


def given(**changes: Any) -> Settings:
    """The settings of a call that gives these arguments and leaves the others out."""
    parameters = inspect.signature(terrazzo.serve).parameters
    defaults = {name: each.default for name, each in parameters.items() if each.default is not each.empty}
    return settings_of({"model": "models", **defaults, **changes})


def test_the_defaults_of_the_command_are_those_of_the_settings() -> None:
    found = given()
    assert found == Settings(Path("models").absolute(), found.data)
    assert found.data.root == Path("terrazzo-data").absolute()
    assert (found.host, found.port) == ("127.0.0.1", 8000)


def test_sizes_are_bytes() -> None:
    found = given(quota="200GB", max_upload="3.5G", max_memory="4GiB")
    assert (found.quota, found.max_upload, found.max_memory) == (200 * 10**9, 3_500_000_000, 4 << 30)
    assert given(max_upload=1).max_upload == 1


@pytest.mark.parametrize(
    ("word", "path"), [("/maps", "/maps"), ("/maps/", "/maps"), ("/a/b-c.d", "/a/b-c.d"), ("/", "")]
)
def test_a_root_path_ends_without_a_slash(word: str, path: str) -> None:
    assert given(root_path=word).root_path == path


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_token(host: str) -> None:
    assert is_loopback(given(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "maps.example.org", "127.0.0.1.example.org", ""])
def test_every_other_address_needs_tokens_and_a_name(host: str, tmp_path: Path) -> None:
    token_file = tmp_path / "token.txt"
    with pytest.raises(InputError, match="add --token-file FILE and --allow-host NAME"):
        given(host=host)
    found = given(host=host, token_file=token_file, allow_host=["maps.example.org", "[fe80::1]"])
    assert not is_loopback(found)
    assert found.allow_hosts == ("maps.example.org", "[fe80::1]")
    assert found.token_file == token_file


@pytest.mark.parametrize(
    "word",
    ["https://tiles.example.org/{z}/{x}/{y}.png", "http://{a-c}.tiles.example.org:81/{z}/{x}/{-y}.png?key=1"],
)
def test_a_basemap_is_an_address_of_tiles(word: str) -> None:
    assert given(basemap=word).basemap == word


@pytest.mark.parametrize(
    "word",
    [
        "ftp://a.org/{z}/{x}/{y}.png",
        "https:///{z}/{x}/{y}.png",
        "https://a.org; script-src *;/{z}/{x}/{y}.png",
        "https://user@a.org/{z}/{x}/{y}.png",
        "javascript:alert({z}{x}{y})",
    ],
)
def test_what_could_change_the_policy_is_no_basemap(word: str) -> None:
    with pytest.raises(InputError, match="--basemap"):
        given(basemap=word)


def test_a_cluster_computes_for_workers_of_the_server_alone() -> None:
    found = given(engine="dask", scheduler="tcp://host:8786")
    assert (found.engine, found.scheduler) == ("dask", "tcp://host:8786")
    assert (given().engine, given().scheduler) == ("local", None)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"engine": "spark"}, "--engine spark: expected local or dask"),
        ({"scheduler": "tcp://host:8786"}, "--scheduler tcp://host:8786: is for --engine dask; add that"),
        ({"engine": "dask", "workers": 0}, "--engine dask: is for workers of the server, and --workers 0 has none"),
    ],
)
def test_an_engine_without_effect_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        given(**changes)
