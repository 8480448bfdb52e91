"""Who may ask, and what a browser may do with the answer."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, abort, make_response, redirect, request

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


def protect(server: Flask, token: str | None, script_hashes: list[str]) -> None:
    """Check every request, and forbid the browser all that the page does not need.

    Args:
        server: The Flask server below the page.
        token: Without one, only requests addressed to this machine by its loopback names are
            answered (a foreign web page could otherwise reach it by renaming itself). With one,
            a request must carry it, in a cookie, or once in the address.
        script_hashes: Content-Security-Policy hashes of the inline scripts.
    """
    policy = _policy(script_hashes)
    server.before_request(_check_token(token) if token else _check_host)

    @server.after_request
    def harden(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = policy
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def _policy(script_hashes: list[str]) -> str:
    return "; ".join(
        [
            "default-src 'self'",
            f"script-src 'self' {' '.join(script_hashes)}",
            "style-src 'self' 'unsafe-inline'",  # plotly and Mantine set styles from scripts
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            "connect-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _check_host() -> None:
    host = urlsplit(f"//{request.host}").hostname
    if host not in LOOPBACK_NAMES:
        abort(_plain(f"This page answers to localhost only, not to {host!r}.\n", 403))


def _check_token(token: str) -> Callable[[], Response | None]:
    cookie = _cookie_name(token)

    def check() -> Response | None:
        given = request.args.get("token", "")
        if hmac.compare_digest(given.encode(), token.encode()):
            return _remember(token)
        if hmac.compare_digest(request.cookies.get(cookie, "").encode(), token.encode()):
            return None
        return _plain("Open the address that `cockpit ui` printed: it carries a token.\n", 401)

    return check


def _cookie_name(token: str) -> str:
    """One for each server: a browser sends the cookies of a host to all of its ports."""
    return f"cockpit-{hashlib.blake2b(token.encode(), digest_size=6).hexdigest()}"


def _remember(token: str) -> Response:
    """Put the token into a cookie and drop it from the address."""
    rest = "&".join(
        part for part in request.query_string.decode().split("&") if not part.startswith("token=")
    )
    path = "/" + (request.script_root + request.path).lstrip("/")  # never to another host
    target = path + (f"?{rest}" if rest else "")
    response = make_response(redirect(target))
    response.set_cookie(_cookie_name(token), token, httponly=True, samesite="Strict")
    return response


def _plain(text: str, status: int) -> Response:
    return make_response(text, status, {"Content-Type": "text/plain; charset=utf-8"})
