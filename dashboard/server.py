"""Listening: the socket, what is printed, and the end."""

from __future__ import annotations

import ipaddress
import logging
import os
import secrets
import socket
import threading
import time
from pathlib import Path

from werkzeug.serving import BaseWSGIServer, make_server

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8050
PARENT_CHECK_S = 1.0


class PortInUseError(OSError):
    """Another program listens on the port."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A bound, listening socket.

    Raises:
        PortInUseError: If another program has the port; says how to choose another one.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    if os.name == "posix":  # elsewhere this option lets two programs share a port
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise PortInUseError(
            f"cannot listen on {host}:{port} ({error.strerror}). "
            f"Stop the program that uses it, or choose another port: --port {port + 1}"
        ) from error
    sock.listen(128)
    return sock


def make(
    folder: str | Path,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    *,
    debug: bool = False,
    prefix: str = "/",
) -> tuple[BaseWSGIServer, str]:
    """A server that is ready to ``serve_forever()``, and the address of its page.

    Off the loopback, and behind a proxy, the address carries a token, without which the page
    answers nothing.

    Args:
        folder: A folder with runs, or one run.
        host: Address to listen on.
        port: Port; 0 takes a free one.
        debug: Log requests and tracebacks.
        prefix: Path under which a proxy serves the page.

    Raises:
        NotADirectoryError: If there is no such folder.
        PortInUseError: If the port is taken.
    """
    from cockpit.dashboard.app import create_app

    private = is_loopback(host) and not prefix.strip("/")
    token = None if private else secrets.token_urlsafe(18)
    logging.getLogger("werkzeug").setLevel(logging.INFO if debug else logging.ERROR)
    app = create_app(folder, token=token, prefix=prefix)
    app.server.debug = debug
    sock = listen(host, port)
    try:
        server = make_server(host, port, app.server, threaded=True, fd=sock.fileno())
    finally:
        sock.close()  # the server has a duplicate
    server.daemon_threads = True
    shown = f"[{host}]" if ":" in host else host
    query = f"?token={token}" if token else ""
    return server, f"http://{shown}:{server.port}{app.config.requests_pathname_prefix}{query}"


def serve(
    folder: str | Path,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    debug: bool = False,
    *,
    prefix: str = "/",
    parent: int | None = None,
) -> None:
    """Show the runs in ``folder`` until Ctrl-C.

    Args:
        folder: A folder with runs, or one run.
        host: Address to listen on; any but the loopback's demands a token, as a prefix does.
        port: Port; 0 takes a free one.
        debug: Log requests and tracebacks.
        prefix: Path under which a proxy serves the page.
        parent: End when the process with this id has ended.

    Raises:
        NotADirectoryError: If there is no such folder.
        PortInUseError: If the port is taken.
    """
    server, url = make(folder, host, port, debug=debug, prefix=prefix)
    print(f"Cockpit shows {folder} at {url} (Ctrl-C ends it)", flush=True)
    if is_loopback(host):
        tunnel = f"ssh -N -L {server.port}:127.0.0.1:{server.port} USER@{socket.gethostname()}"
        print(f"From another machine: {tunnel}", flush=True)
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent, server), daemon=True).start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()


def _end_with(parent: int, server: BaseWSGIServer) -> None:
    """Shut the server down once its parent is gone (it is then re-parented)."""
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    server.shutdown()
