"""Other people's code in the page: built from a lock without addresses, and as it was built."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
WEB, VENDOR = ROOT / "web", ROOT / "src" / "terrazzo" / "serving" / "page" / "vendor"


@pytest.mark.parametrize("name", ["package.json", "package-lock.json", ".npmrc"])
def test_the_lock_holds_no_address(name: str) -> None:
    assert "http" not in (WEB / name).read_text(encoding="utf-8")


def test_the_bundle_has_the_hash_beside_it() -> None:
    stated = (VENDOR / "page.js.sha256").read_text(encoding="utf-8").split()
    assert stated == [hashlib.sha256((VENDOR / "page.js").read_bytes()).hexdigest(), "page.js"]


@pytest.mark.parametrize("package", ["ol", "geotiff", "proj4"])
def test_the_licences_name_what_is_bundled(package: str) -> None:
    lines = (VENDOR / "LICENCES.txt").read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"{package} ") for line in lines)


def test_building_anew_gives_the_same_bytes(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    here = tmp_path / "web"
    shutil.copytree(WEB, here, ignore=shutil.ignore_patterns("node_modules"))
    installed = subprocess.run([npm, "ci"], cwd=here, capture_output=True, text=True, check=False)
    if installed.returncode:
        pytest.skip(f"npm ci could not install: {installed.stderr.strip().splitlines()[-1:]}")
    subprocess.run(["node", "build.mjs", str(tmp_path / "out")], cwd=here, check=True, capture_output=True)
    for name in ("page.js", "page.js.sha256", "ol.css", "LICENCES.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (VENDOR / name).read_bytes(), name


@pytest.mark.parametrize(
    ("npm", "expected"),
    [
        (None, "npm is not installed: "),
        ("exit 1", "npm ci --prefix web failed (run it to see why): "),
        ('mkdir -p web/node_modules; echo "$@" > web/node_modules/.package-lock.json', ""),
    ],
    ids=["absent", "failing", "there"],
)
def test_make_installs_what_the_page_needs_of_npm_or_says_in_one_line_that_tests_will_skip(
    tmp_path: Path, npm: str | None, expected: str
) -> None:
    make, programs = shutil.which("make"), tmp_path / "programs"
    if make is None:
        pytest.skip("make is not installed")
    programs.mkdir()
    for name in ("sh", "touch", "mkdir"):
        (programs / name).symlink_to(str(shutil.which(name)))
    if npm is not None:
        (programs / "npm").write_text(f"#!/bin/sh\n{npm}\n")
        (programs / "npm").chmod(0o755)
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(WEB, tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    stamp = "web/node_modules/.package-lock.json"
    done = subprocess.run(
        [make, "-s", stamp],
        cwd=tmp_path,
        env={**os.environ, "PATH": str(programs), "MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    skipped = f"{expected}the tests that need axe or the bundler will skip\n" if expected else ""
    assert (done.returncode, done.stdout, done.stderr) == (0, skipped, "")
    assert (tmp_path / stamp).is_file() == (not expected)
    if not expected:
        assert (tmp_path / stamp).read_text().split()[:3] == ["ci", "--prefix", "web"]
