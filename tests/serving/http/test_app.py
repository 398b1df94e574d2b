"""The prefix of `--root-path`, which a reverse proxy passes on or takes off."""

from pathlib import Path

import numpy as np
import pytest

from tests.worlds.finished import MAP_ID, write_finished
from tests.worlds.site import client_of, make_site


@pytest.mark.parametrize("root_path", ["/maps", "/jobs", "/page", "/x"])
@pytest.mark.parametrize("passed_on", [True, False])
def test_a_proxy_may_pass_the_prefix_on_or_take_it_off_whatever_it_is(
    tmp_path: Path, root_path: str, passed_on: bool
) -> None:
    site = make_site(tmp_path, root_path=root_path)
    write_finished(site.folder, np.full((3, 40, 50), 9, np.uint8))
    site.jobs.submit("tiny", {"image": "0" * 32}, "", MAP_ID)
    client, before = client_of(site), root_path if passed_on else ""
    for path in ("/", "/jobs", "/page/js/main.js", f"/jobs/{MAP_ID}", f"/maps/{MAP_ID}/classes.tif", "/processes/tiny"):
        assert client.get(before + path).status_code == 200, path
    assert client.get(f"{before}/jobs").json()["links"][0]["href"] == f"{root_path}/jobs"
    for nowhere in ("/nothing", f"{root_path}/nothing"):
        assert client.get(before + nowhere).status_code == 404, nowhere


def test_the_prefix_without_its_slash_leads_to_the_page(tmp_path: Path) -> None:
    client = client_of(make_site(tmp_path, root_path="/maps"))
    answer = client.get("/maps", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/maps/")
    assert client.get("/maps").text.startswith("<!doctype html>")
