"""The page behind nginx with TLS, below a path; skipped where nginx is missing."""

from pathlib import Path
from typing import Any

import pytest

from tests.worlds.browsing import PATIENCE_MS, Looking
from tests.worlds.models import COLORS
from tests.worlds.page_site import served
from tests.worlds.proxies import NGINX, OPENSSL, Proxy, behind

pytestmark = pytest.mark.skipif(NGINX is None or OPENSSL is None, reason="nginx and openssl are not both installed")


@pytest.mark.parametrize("passed_on", [True, False], ids=["kept", "taken-off"])
def test_login_upload_and_map_work_below_a_path_and_ask_for_nothing_outside_it(
    browser: Any, scene: Path, tmp_path: Path, passed_on: bool
) -> None:
    tokens = "ada user a-long-token-of-hers\n"
    with (
        served(tmp_path / "site", tokens, root_path="/maps") as (server, _),
        behind(Proxy(NGINX, "/maps", passed_on), server, tmp_path / "proxy") as (address, _),
    ):
        context = browser.new_context(ignore_https_errors=True)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        look = Looking(page, f"{address}/", expected=("401",))
        page.on("request", lambda request: look.requests.append(request.url))
        page.on("console", lambda message: look.complaints.append(message.text))
        page.on("pageerror", lambda error: look.complaints.append(str(error)))
        page.goto(look.url)
        page.wait_for_selector("#login[open]")
        page.fill("#token", tokens.split()[-1])
        page.keyboard.press("Enter")
        page.wait_for_selector("#model option", state="attached")
        look.upload(scene)
        assert look.share(COLORS[0]) > 0.05
        (cookie,) = context.cookies()
        assert (cookie["path"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (
            "/maps/",
            True,
            True,
            "Strict",
        )
        look.check()
        context.close()
