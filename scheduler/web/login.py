"""The login's page and the pages of problems: whole in themselves, so that they show when nothing else does."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from scheduler.web.door import COOKIE, SESSION, Door
from scheduler.web.problems import Problem

LARGEST = 4096  # bytes of a login
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Uptake</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/app.css">
</head>
<body class="alone">
<main>
<p class="brand"><a href="/">Uptake</a></p>
<h1>{title}</h1>
{inside}
</main>
</body>
</html>
"""
_FORM = """<form method="post" action="/login" class="card">
{said}<input type="hidden" name="next" value="{next}">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus{wrong}>
<button type="submit">Log in</button>
<p class="quiet">It is the one that the daemon was started with (<code>UPTAKE_HTTP_TOKEN</code> or <code>token_file</code>).</p>
</form>"""


def page(title: str, inside: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    head = {**(headers or {}), "Cache-Control": "no-store"}
    return Response(_PAGE.format(title=escape(title), inside=inside), status, head, "text/html; charset=utf-8")


def plain_page(title: str, detail: str, status: int, headers: Mapping[str, str]) -> Response:
    """A problem for a person."""
    text = f'<p class="card">{escape(detail[:1].upper() + detail[1:])}.</p><p><a href="/">To the overview</a></p>'
    return page(title, text, status, {k: v for k, v in headers.items() if k.lower() != "content-length"})


def address(request: Request) -> str:
    """The login, and where to go after it."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?next={quote(path, safe='')}"


def place(text: str) -> str:
    """Where to go after the login: a path of ours, and nowhere else."""
    parts = urlsplit(text)
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and not parts.scheme and not parts.netloc
    return text if ours and text.isprintable() and "\\" not in text and text.isascii() else "/"


def form(next_page: str, said: str = "", status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    note = f'<p class="wrong" role="alert" id="wrong">{escape(said)}</p>' if said else ""
    wrong = ' aria-invalid="true" aria-describedby="wrong"' if said else ""
    return page("Log in", _FORM.format(said=note, next=escape(place(next_page)), wrong=wrong), status, headers)


async def answer(request: Request, door: Door, client: str, now: int) -> Response:
    """Show the form, or look at what was written into it."""
    if not door.locked:
        return RedirectResponse("/", status_code=303)
    if request.method != "POST":
        return form(request.query_params.get("next", "/"))
    origin = request.headers.get("origin")
    if origin not in {None, "null"} and urlsplit(origin or "").netloc != request.headers.get("host"):
        raise Problem(403, "this form was sent from somewhere else")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise Problem(413, "this is more than a login")
    fields = parse_qs(body.decode("utf-8", "replace"))
    wanted = place(fields.get("next", ["/"])[0])
    wait = door.wait(client, now)
    if wait:
        return form(wanted, f"Too many wrong tokens. Wait {wait} seconds.", 429, {"Retry-After": str(wait)})
    if not door.is_token(fields.get("token", [""])[0], client, now):
        return form(wanted, "This is not the token.", 401)
    response = RedirectResponse(wanted, status_code=303, headers={"Cache-Control": "no-store"})
    secure = request.url.scheme == "https" or request.headers.get("x-forwarded-proto") == "https"
    response.set_cookie(COOKIE, door.session(now), max_age=SESSION, httponly=True, samesite="lax", secure=secure)
    return response


def leave() -> Response:
    response = RedirectResponse("/login", status_code=303, headers={"Cache-Control": "no-store", "Clear-Site-Data": '"cache"'})
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


__all__ = ["address", "answer", "form", "leave", "page", "place", "plain_page"]
