"""`terrazzo serve` that refuses to start: exit code 2 and one line that names the flag, and nothing is written."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from terrazzo.cli import run
from tests.worlds.models import write_model

TOKENS = "anna user token-of-anna\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a good model, a file that is none, and token files."""
    write_model(tmp_path / "good.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"no model")
    (tmp_path / "weights.pt").write_bytes(b"PK\3\4")
    (tmp_path / "model.xml").write_text("<net/>")
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "bad.onnx").write_bytes(b"no model")
    for name, mode, text in (("token.txt", 0o600, TOKENS), ("open.txt", 0o644, TOKENS), ("half.txt", 0o600, "anna")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(mode)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> str:
    """The line with which a server does not start. Nothing is written."""
    before = set(folder.rglob("*"))
    assert run(["serve", "--no-browser", *words]) == 2
    said = capsys.readouterr().err.splitlines()
    assert set(folder.rglob("*")) == before
    assert len(said) == 1, said
    return said[0]


FOR_A_TEAM = ("good.safetensors", "--token-file", "token.txt", "--allow-host", "maps.example.org")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nowhere"], "nowhere: "),
        (["weights.pt"], "weights.pt: is no .safetensors or .onnx; the server opens no other models"),
        (["model.xml"], "model.xml: is no .safetensors or .onnx; the server opens no other models"),
        (["bad.safetensors"], "bad.safetensors: "),
        (["empty"], "empty: holds no model; expected a .safetensors or .onnx that `terrazzo train` or `terrazzo exp"),
        (["good.safetensors", "--host", "0.0.0.0"], "--host 0.0.0.0: others than this machine reach it; add --token-"),
        (["good.safetensors", "--host", "::"], "add --token-file FILE and --allow-host NAME, or leave --host out"),
        (["good.safetensors", "--host", "0.0.0.0", "--token-file", "token.txt"], "reach it; add --allow-host NAME, or"),
        (["good.safetensors", "--host", "0.0.0.0", "--allow-host", "a.org"], "reach it; add --token-file FILE, or"),
        ([*FOR_A_TEAM, "--host", "no.such.host.invalid"], "--host no.such.host.invalid: is no address ("),
        ([*FOR_A_TEAM, "--host", "203.0.113.7"], "--host 203.0.113.7: cannot be listened at ("),
        (["good.safetensors", "--port", "70000"], "--port 70000: expected 0 to 65535"),
        (["good.safetensors", "--port", "-1"], "--port -1: expected 0 to 65535"),
        (
            ["good.safetensors", "--allow-host", "http://maps.example.org"],
            "--allow-host http://maps.example.org: is",
        ),
        (["good.safetensors", "--allow-host", "maps.example.org:443"], "--allow-host maps.example.org:443: is no name"),
        (["good.safetensors", "--allow-host", "*"], "--allow-host *: is no name of a host"),
        (["good.safetensors", "--root-path", "maps"], "--root-path maps: expected a path as in /maps"),
        (["good.safetensors", "--root-path", "/maps/../x"], "--root-path /maps/../x: expected a path"),
        (["good.safetensors", "--basemap", "tiles/{z}/{x}/{y}.png"], "--basemap tiles/{z}/{x}/{y}.png: expected an"),
        (
            ["good.safetensors", "--basemap", "https://a.org/x.png"],
            "--basemap https://a.org/x.png: expected an",
        ),
        (["good.safetensors", "--tls-cert", "token.txt"], "--tls-cert: needs --tls-key too; give both, or leave both"),
        (["good.safetensors", "--tls-key", "token.txt"], "--tls-key: needs --tls-cert too; give both, or leave both"),
        (["good.safetensors", "--tls-cert", "token.txt", "--tls-key", "token.txt"], "--tls-cert token.txt: cannot be"),
        (["good.safetensors", "--token-file", "none.txt"], "none.txt: cannot be read (No such file or directory)"),
        (
            ["good.safetensors", "--token-file", "open.txt"],
            "open.txt: others than you may read or write it; run",
        ),
        (["good.safetensors", "--token-file", "half.txt"], "half.txt: line 1 has another form; expected `name role"),
        (["good.safetensors", "--keep-days", "0"], "--keep-days 0: expected more than 0 days"),
        (["good.safetensors", "--keep-days", "nan"], "--keep-days nan: expected more than 0 days"),
        (["good.safetensors", "--quota", "much"], "--quota much: expected a size as in 4GB"),
        (["good.safetensors", "--max-upload", "0"], "--max-upload 0: expected a size"),
        (["good.safetensors", "--max-memory", "4,5GB"], "--max-memory 4,5GB: expected a size"),
        (["good.safetensors", "--max-pixels", "0"], "--max-pixels 0: expected at least 1"),
        (["good.safetensors", "--max-queue", "0"], "--max-queue 0: expected at least 1"),
        (["good.safetensors", "--workers", "-1"], "--workers -1: expected at least 0"),
        (["good.safetensors", "--data", "token.txt"], "token.txt: is a file; choose another folder"),
        ([], "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_refusal_names_what_was_found_and_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    port = [] if "--port" in words else ["--port", "0"]
    assert expected in refusal(capsys, folder, *words, *port)


def test_a_folder_of_what_is_no_model_names_each_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "notes", "--no-browser", "--port", "0"]) == 2
    said = capsys.readouterr()
    assert "left out: " in said.out + said.err
    assert said.err.splitlines()[-1].count("holds no model") == 1


@pytest.fixture
def taken() -> Iterator[int]:
    """A port at which another program listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_port_in_use(folder: Path, capsys: pytest.CaptureFixture[str], taken: int) -> None:
    line = refusal(capsys, folder, "good.safetensors", "--port", str(taken))
    assert f"--port {taken}: is in use at 127.0.0.1; stop the other program, or choose another port" in line
