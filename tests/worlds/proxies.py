"""nginx and Caddy with TLS before a server, set up as docs/how-to/serve.md says."""

import os
import re
import shutil
import socket
import ssl
import subprocess
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "serve.md"
NGINX, CADDY, OPENSSL = (
    shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in ("nginx", "caddy", "openssl")
)
PATIENCE = 30.0


@dataclass(frozen=True)
class Proxy:
    """A kind of proxy, and the prefix below which it shows the server."""

    program: str | None
    prefix: str = ""
    passed_on: bool = True
    """Whether the server sees the prefix."""

    def config(self, port: int, server: str, root: Path) -> str:
        """The configuration that the page shows, for a port, a server and a folder."""
        if self.program == NGINX:
            return _nginx(self, port, server, root)
        return _caddy(self, port, server, root)

    def command(self, config: Path) -> list[str]:
        """What runs it in the foreground."""
        if self.program == NGINX:
            return [str(NGINX), "-c", str(config), "-p", str(config.parent), "-e", str(config.parent / "error.log")]
        return [str(CADDY), "run", "--config", str(config), "--adapter", "caddyfile"]


def example(first: str) -> str:
    """The example of the page whose first line this is."""
    found = re.search(rf"(?m)^    {re.escape(first)}\n(?:    .*\n|\n(?=    ))*", PAGE.read_text(encoding="utf-8"))
    assert found is not None, first
    return textwrap.dedent(found[0])


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key beside it in key.pem."""
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem -out cert.pem -days 2"
    names = ["-subj", "/CN=terrazzo", "-addext", "subjectAltName=IP:127.0.0.1,DNS:maps.example.org"]
    subprocess.run([str(OPENSSL), *words.split(), *names], cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem"


@contextmanager
def behind(proxy: Proxy, server: str, root: Path) -> Iterator[tuple[str, Path]]:
    """The address at which the proxy shows the server, and its certificate."""
    root.mkdir(mode=0o755)
    cert, port = certificate(root), _free_port()
    config = root / "config"
    config.write_text(proxy.config(port, urlsplit(server).netloc, root))
    with (root / "said.txt").open("w") as said:
        env = {**os.environ, "HOME": str(root), "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root)}
        process = subprocess.Popen(proxy.command(config), stdout=said, stderr=said, env=env)
    try:
        _until_it_listens(process, port, cert, root)
        yield f"https://127.0.0.1:{port}{proxy.prefix}", cert
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _nginx(proxy: Proxy, port: int, server: str, root: Path) -> str:
    site = example("server {")
    if proxy.prefix:
        location = example(f"location {proxy.prefix}/ {{")
        site = site.replace(
            "location / {\n        proxy_pass http://127.0.0.1:8000;", location.strip().rstrip("}").strip()
        )
    site = site.replace("http://127.0.0.1:8000", f"http://{server}{'' if proxy.passed_on else '/'}")
    site = site.replace("443 ssl", f"127.0.0.1:{port} ssl").replace("/etc/ssl/maps/fullchain.pem", "cert.pem")
    site = site.replace("/etc/ssl/maps/privkey.pem", "key.pem")
    folders = "".join(
        f"{kind}_temp_path {root}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""  # its own user does not reach the folders of a test
    head = f"daemon off;\n{user}worker_processes 1;\npid {root}/pid;\nevents {{}}\n"
    return f"{head}http {{\naccess_log off;\n{folders}{site}}}\n"


def _caddy(proxy: Proxy, port: int, server: str, root: Path) -> str:
    site = example("example.org {" if proxy.prefix else "maps.example.org {")
    if not proxy.passed_on:
        route = f"reverse_proxy {proxy.prefix}/* 127.0.0.1:8000"
        site = site.replace(route, f"handle_path {proxy.prefix}/* {{\n        reverse_proxy 127.0.0.1:8000\n    }}")
    site = re.sub(r"^\S+ \{", f":{port} {{\n    bind 127.0.0.1\n    tls {root}/cert.pem {root}/key.pem", site)
    return "{\n    admin off\n    auto_https off\n}\n" + site.replace("127.0.0.1:8000", server)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _until_it_listens(process: subprocess.Popen[bytes], port: int, cert: Path, root: Path) -> None:
    end, context = time.monotonic() + PATIENCE, ssl.create_default_context(cafile=str(cert))
    while time.monotonic() < end and process.poll() is None:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 5) as sock,
            context.wrap_socket(sock, server_hostname="127.0.0.1"),
        ):
            return
        time.sleep(0.05)
    raise AssertionError((root / "said.txt").read_text() + (root / "config").read_text())
