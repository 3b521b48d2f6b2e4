"""Runs nginx with the configuration of `deploy/one-server`, in front of servers of the tests."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import msgspec
import trustme

from settings import PROJECT
from tests.support.servers import free_port
from tests.support.wait import GUARD

TEMPLATE = PROJECT / "deploy/one-server/nginx.conf.template"


class TlsProxy(msgspec.Struct):
    folder: Path
    http_port: int
    https_port: int
    authority: trustme.CA
    process: int

    def certify(self, parent: str, *hosts: str) -> None:
        """Stores a certificate for the hosts directly below `parent`, by default all, as operators do."""
        certificate = self.authority.issue_cert(*(hosts or [f"*.{parent}"]))
        certificates = self.folder / "certificates"
        certificate.private_key_pem.write_to_path(certificates / f"{parent}.key")
        certificate.cert_chain_pems[0].write_to_path(certificates / f"{parent}.crt")

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        return context

    def client(self, address: str = "127.0.0.1") -> httpx.Client:
        """A client at this address. It verifies that certificates are those of the Host header."""
        transport = HostTransport(verify=self.context(), local_address=address)
        return httpx.Client(base_url=f"https://127.0.0.1:{self.https_port}", transport=transport, timeout=GUARD)

    def connect(self, host: str) -> ssl.SSLSocket:
        """A client whose small buffer fills up, so that the proxy waits until it reads on."""
        plain = socket.socket()
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        plain.settimeout(GUARD)
        plain.connect(("127.0.0.1", self.https_port))
        return self.context().wrap_socket(plain, server_hostname=host)

    def error_log(self) -> str:
        return (self.folder / "error.log").read_text()


class HostTransport(httpx.HTTPTransport):
    """Asks for the certificate of the host that the Host header names, and verifies it."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.headers["host"]}
        return super().handle_request(request)


@contextmanager
def running_tls_proxy(folder: Path, *app_ports: int) -> Iterator[TlsProxy]:
    """`app_ports` are the instances of the app, one or two. Certificates are added by `certify`."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert program is not None, "nginx is not installed: run `make system-packages`"
    http_port, https_port = free_port(), free_port()
    values = {
        "PROXY_HTTP_PORT": http_port,
        "PROXY_HTTPS_PORT": https_port,
        "PROXY_APP_1": f"127.0.0.1:{app_ports[0]}",
        "PROXY_APP_2": f"127.0.0.1:{app_ports[-1]}",
    }
    configuration = TEMPLATE.read_text()
    for name, value in values.items():
        configuration = configuration.replace(f"${{{name}}}", str(value))
    for name in "certificates", "acme/.well-known/acme-challenge":
        (folder / name).mkdir(parents=True)
    (folder / "nginx.conf").write_text(configuration)
    user = "user root; " if os.geteuid() == 0 else ""  # the workers read certificates in a directory of the tests
    command = [program, "-p", str(folder), "-c", "nginx.conf", "-e", "error.log"]
    process = subprocess.Popen([*command, "-g", f"{user}daemon off; pid nginx.pid;"])
    try:
        wait_for_port(https_port, process, folder)
        yield TlsProxy(folder, http_port, https_port, trustme.CA(), process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(GUARD)


def wait_for_port(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + GUARD
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"nginx did not start:\n{(folder / 'error.log').read_text()}")
        time.sleep(0.01)
