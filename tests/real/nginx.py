"""Debian's real nginx in front of another server, started for a test and stopped after it."""

import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.real.docker_registry import free_port, stop, wait_until_answering
from tests.real.skip import program

_CONFIG = """
daemon off;
master_process off;
user root;
pid {home}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port}{tls};
    auth_basic "Registry realm";
    auth_basic_user_file {home}/htpasswd;
    location /v2/ {{
      proxy_pass {upstream};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
}}
"""
"""After the recipe in https://distribution.github.io/distribution/recipes/nginx/"""


@contextmanager
def running_nginx(
    upstream: str,
    users: Mapping[str, str],
    cert: tuple[Path, Path] | None = None,
    client_ca: Path | None = None,
) -> Iterator[str]:
    """Run one on a loopback port, which lets users in by `auth_basic`; yields its base URL.

    Args:
        upstream: base URL of the server behind it.
        users: passwords by user name.
        cert: a certificate and a key file, for https.
        client_ca: CA of the certificate that a client has to send; None requires none.
    """
    binary = program("nginx", "apt-get install nginx-light")
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        home, port = Path(folder), free_port()
        tls = f" ssl; ssl_certificate {cert[0]}; ssl_certificate_key {cert[1]}" if cert else ""
        if client_ca is not None:
            tls += f"; ssl_client_certificate {client_ca}; ssl_verify_client on"
        config = _CONFIG.format(home=home, port=port, tls=tls, upstream=upstream)
        (home / "nginx.conf").write_text(config)
        (home / "htpasswd").write_text("".join(_htpasswd(*user) for user in users.items()))
        url = f"{'https' if cert else 'http'}://127.0.0.1:{port}"
        with (home / "log").open("wb") as log:
            command = [binary, "-p", folder, "-c", str(home / "nginx.conf")]
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home)
            try:
                wait_until_answering(url, process, home / "log")
                yield url
            finally:
                stop(process)


def _htpasswd(user: str, password: str) -> str:
    command = [program("htpasswd", "apt-get install apache2-utils"), "-n", "-m", "-i", user]
    result = subprocess.run(command, input=password, capture_output=True, text=True, check=True)
    return result.stdout.strip() + "\n"
