"""The whole server under strace while it gets the hostile corpus: what it opens, and that it lives on.

Skipped where strace is not installed or may not trace.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

import terrazzo
from tests.worlds.hostile import CORPUS, PATHS, SECRET, photo, raster
from tests.worlds.models import write_model

STRACE = shutil.which("strace")
CALLS = "open,openat,openat2,creat,connect"
SYSTEM = ("/lib/", "/lib64/", "/usr/lib/", "/usr/local/lib/", "/usr/share/", "/proc/", "/sys/", "/dev/")
"""Where the system keeps libraries, and what it tells of itself."""
OF_THE_LOADER = ("/etc/ld.so.cache", "/etc/localtime", "/etc/mime.types", "/etc/ssl/openssl.cnf")


def may_trace() -> bool:
    if STRACE is None:
        return False
    return subprocess.run([STRACE, "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not may_trace(), reason="strace is not installed, or may not trace here")


@dataclass(frozen=True)
class Traced:
    """A server that has been attacked."""

    root: Path
    answers: dict[str, tuple[int, str]]
    """Of each attack the status and detail."""
    health: int
    code: int
    opened: frozenset[str]
    connected: tuple[str, ...]


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Traced:
    root = tmp_path_factory.mktemp("traced")
    (root / "made").mkdir()
    write_model(root / "models" / "tiny.safetensors")
    log = root / "strace.log"
    words = [STRACE, "-f", "-qq", "-z", "-y", "--seccomp-bpf", "-s", "400", "-e", f"trace={CALLS}", "-o", log]
    words += [sys.executable, "-P", "-m", "terrazzo.cli", "serve", root / "models", "--data", root / "data"]
    words += ["--port", "0", "--no-browser"]
    process = subprocess.Popen(map(str, words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=root)
    try:
        answers, health = attacked(address_in(process), root / "made")
    finally:
        own = children(process.pid)
        os.kill(own[0] if own else process.pid, signal.SIGINT)
        process.communicate(timeout=60)
        code = process.returncode
    lines = log.read_text(errors="replace").splitlines()
    opened = {path for line in lines if (path := opened_in(line))}
    connected = tuple(line for line in lines if "connect(" in line and "AF_INET" in line)
    return Traced(root, answers, health, code, frozenset(opened), connected)


def address_in(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(r"http://\S+/", line):
            return found[0]
    raise AssertionError("".join(said))


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def attacked(url: str, folder: Path) -> tuple[dict[str, tuple[int, str]], int]:
    """The answers to every attack, and that of /health after them."""
    answers = {}
    with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
        for attack in CORPUS:
            headers = {"Content-Type": attack.media_type, "X-Filename": "x.img"}
            answer = client.post("uploads", content=attack.make(folder), headers=headers)
            answers[attack.name] = answer.status_code, answer.json()["detail"]
        for name in PATHS:
            headers = {"Content-Type": "image/png", "X-Filename": name.replace("\0", "%00")}
            answers[name] = client.post("uploads", content=photo(), headers=headers).status_code, ""
        sent = client.post("uploads", content=raster(folder), headers={"Content-Type": "image/tiff"})
        answers["a good raster"] = sent.status_code, ""
        return answers, client.get("health").status_code


def opened_in(line: str) -> str | None:
    """The path that a line of strace opens, whole."""
    found = re.search(r'open(?:at2?)?\((?:(?:AT_FDCWD|\d+)(?:<([^>]*)>)?, )?"([^"]*)"', line)
    if found is None:
        return None
    return os.path.normpath(Path(found[1] or "/", found[2]))


def test_every_attack_gets_its_status_and_the_server_lives(traced: Traced) -> None:
    expected = {attack.name: attack.status for attack in CORPUS}
    expected |= dict.fromkeys(PATHS, 201) | {"a good raster": 201}
    assert {name: status for name, (status, _) in traced.answers.items()} == expected
    assert traced.health == 200
    assert traced.code == 0


def test_nothing_is_opened_but_the_data_the_models_and_what_is_installed(traced: Traced) -> None:
    installed = [sys.prefix, sys.base_prefix, *filter(os.path.isabs, sys.path), str(Path(terrazzo.__file__).parents[1])]
    own = [str(traced.root / "data"), str(traced.root / "models")]
    roots = tuple(f"{place.rstrip('/')}/" for place in (*installed, *own)) + SYSTEM
    foreign = {path for path in traced.opened if not f"{path}/".startswith(roots)} - {*OF_THE_LOADER}
    assert foreign == set()
    assert any(path.startswith(own[0]) for path in traced.opened)  # the trace has seen something
    assert SECRET not in traced.opened


def test_no_address_is_asked(traced: Traced) -> None:
    assert traced.connected == ()
