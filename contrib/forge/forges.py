"""One comment on a pull request at GitHub or a merge request at GitLab: found again, made, updated, never two.

A comment is ours if its author is who we are and its first line is our marker:
anybody can write the marker, and our token may change what others wrote. The
marker holds the number of the run that wrote the comment, so that a run which
comes late does not put an older report over a newer one.
"""

from __future__ import annotations

import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

ATTEMPTS = 5
PATIENCE = 60.0  # seconds, for one that a forge asks to wait
TIMEOUT = 30.0
ANSWER_MAX = 64 * 1024 * 1024  # bytes, of one page
PAGES_MAX = 200
ROUNDS = 4  # of looking again: two do, but for a race or a list that lags behind
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Refused(Exception):
    """What a forge would not do, and what to do about it; status: of HTTP, 0 without an answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class _Stay(urllib.request.HTTPRedirectHandler):
    """No redirects: the token would go wherever they lead."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def _wait_for(status: int, headers: Any, attempt: int) -> float | None:
    """Seconds until it is worth asking again; None if it is not."""
    asked, left = headers.get("Retry-After", ""), headers.get("X-RateLimit-Remaining", "")
    if status in (403, 429):
        if asked.isdecimal():
            return float(asked)
        if left == "0" and headers.get("X-RateLimit-Reset", "").isdecimal():
            return max(1.0, float(headers["X-RateLimit-Reset"]) - time.time())
        return None if status == 403 else 2.0**attempt
    return 2.0**attempt if status >= 500 else None


def _told(body: bytes) -> str:
    """The forge's own words, on one line."""
    try:
        answer = json.loads(body)
        text = answer.get("message") or answer.get("error") or "" if isinstance(answer, dict) else ""
    except ValueError:
        text = ""
    return "".join(c if c.isprintable() else " " for c in str(text))[:300]


def ask(method: str, url: str, headers: dict[str, str], payload: Any = None) -> tuple[Any, Any]:
    """The answer as JSON (None if it is empty), and its headers. Asks again where that can help."""
    place = urllib.parse.urlsplit(url)
    if place.scheme != "https" and place.hostname not in LOOPBACK:
        raise Refused(f"{place.scheme}://{place.hostname} is not https: a token must not go there")
    data = None if payload is None else json.dumps(payload).encode()
    headers = {"User-Agent": "trueup", "Content-Type": "application/json", **headers}
    what = f"{method} {place.hostname}{place.path}"
    for attempt in range(ATTEMPTS):
        status = 0
        try:
            request = urllib.request.Request(url, data, headers, method=method)
            with _opener.open(request, timeout=TIMEOUT) as answer:
                body = answer.read(ANSWER_MAX + 1)
                if len(body) > ANSWER_MAX:
                    raise Refused(f"{what}: the answer is longer than {ANSWER_MAX} bytes")
                return (json.loads(body) if body else None), answer.headers
        except urllib.error.HTTPError as error:
            status = error.code
            told, delay = f"{status} {_told(error.read(65536))}".strip(), _wait_for(status, error.headers, attempt)
        except (OSError, http.client.HTTPException, ValueError) as error:
            told, delay = str(error) or type(error).__name__, 2.0**attempt
        if delay is None or delay > PATIENCE or attempt == ATTEMPTS - 1:
            later = f", and asks to wait {delay:.0f} seconds" if delay is not None and delay > PATIENCE else ""
            raise Refused(f"{what}: {told}{later}", status)
        time.sleep(delay)
    raise AssertionError("the last attempt returns or raises")


@dataclass
class Comment:
    id: int
    run: int
    body: str


class Forge:
    """What both have in common; each adds its paths, and who we are."""

    limit = 0  # bytes of a comment; the forges count characters, of which there are no more
    verb = ""  # that changes a comment
    per_page = 0
    allows = ""  # what to do if the token may not

    def __init__(self, comments: str, one: str, headers: dict[str, str], name: str, run: int) -> None:
        self.comments, self.one, self.headers, self.name, self.run = comments, one, headers, name, run

    def is_ours(self, found: dict[str, Any]) -> bool:
        raise NotImplementedError

    def mark(self) -> str:
        return f"<!-- trueup: {self.name} of run {self.run} -->\n"

    def ask(self, method: str, url: str, payload: Any = None) -> tuple[Any, Any]:
        try:
            return ask(method, url, self.headers, payload)
        except Refused as error:
            hint = f": {self.allows}" if error.status in (401, 403) else ""
            raise Refused(f"{error}{hint}", error.status) from error

    def read(self, found: dict[str, Any]) -> Comment | None:
        marker = re.match(rf"<!-- trueup: {re.escape(self.name)} of run ([0-9]{{1,18}}) -->\r?\n", found["body"] or "")
        if marker is None or not self.is_ours(found):
            return None
        return Comment(int(found["id"]), int(marker[1]), found["body"].replace("\r\n", "\n"))

    def ours(self) -> list[Comment]:
        """All that are ours, the oldest first."""
        found: dict[int, Comment] = {}
        for page in range(1, PAGES_MAX + 1):
            listed, headers = self.ask("GET", f"{self.comments}&per_page={self.per_page}&page={page}")
            found |= {comment.id: comment for comment in map(self.read, listed) if comment is not None}
            if 'rel="next"' not in headers.get("Link", ""):
                return [found[number] for number in sorted(found)]
        raise Refused(f"there are more than {PAGES_MAX * self.per_page} comments")

    def create(self, body: str) -> Comment:
        made, _ = self.ask("POST", self.comments.partition("?")[0], {"body": body})
        comment = self.read(made)
        if comment is None:  # the next run would not find it, and write another
            self.delete(int(made["id"]))
            raise Refused(f"the comment has an author that was not expected: {self.allows}")
        return comment

    def update(self, number: int, body: str) -> bool:
        """False: it is gone."""
        return self._reach(self.verb, number, {"body": body})

    def delete(self, number: int) -> None:
        self._reach("DELETE", number)

    def _reach(self, method: str, number: int, payload: Any = None) -> bool:
        try:
            self.ask(method, f"{self.one}/{number}", payload)
        except Refused as error:
            if error.status != 404:
                raise
            return False
        return True


class GitHub(Forge):
    limit, verb, per_page = 65536, "PATCH", 50
    allows = ("the job needs `permissions: {pull-requests: write}`, or, with a token of its own, "
              "the name of its owner as `author`")

    def __init__(self, api: str, repository: str, number: int, token: str, author: str, name: str, run: int) -> None:
        issues = f"{api}/repos/{repository}/issues"
        super().__init__(f"{issues}/{number}/comments?", f"{issues}/comments",
                         {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json",
                          "X-GitHub-Api-Version": "2022-11-28"}, name, run)
        self.author = author

    def is_ours(self, found: dict[str, Any]) -> bool:
        return bool((found.get("user") or {}).get("login") == self.author)


class GitLab(Forge):
    limit, verb, per_page = 1_000_000, "PUT", 20
    allows = "the token needs the scope `api`, and a role that may comment"

    def __init__(self, api: str, project: int, number: int, token: str, name: str, run: int) -> None:
        notes = f"{api}/projects/{project}/merge_requests/{number}/notes"
        super().__init__(f"{notes}?sort=asc&order_by=created_at", notes, {"PRIVATE-TOKEN": token}, name, run)
        self.me = int(self.ask("GET", f"{api}/user")[0]["id"])

    def is_ours(self, found: dict[str, Any]) -> bool:
        return bool(found.get("author", {}).get("id") == self.me and not found.get("system"))


def tell(forge: Forge, report: str, is_calm: bool, say: Callable[[str], None]) -> None:
    """Has the pull request bear one comment of ours, with the newest report.

    Nothing calm is said where nothing was said before. Two runs that both found
    no comment make one each; each looks again after whatever it did, and both
    keep the older comment, with the report of the newer run.
    """
    mine = Comment(0, forge.run, forge.mark() + report)
    made: Comment | None = None
    for _ in range(ROUNDS):
        ours = forge.ours()
        if made is not None and all(comment.id != made.id for comment in ours):
            ours = sorted([*ours, made], key=lambda comment: comment.id)  # a list may lag behind
        if not ours:
            if is_calm:
                say("nothing differs, and there is no comment that says otherwise")
                return
            made = forge.create(mine.body)
            say(f"commented: {made.id}")
            continue
        keep, newest = ours[0], max([mine, *ours], key=lambda comment: comment.run)
        if keep.body.rstrip() == newest.body.rstrip() and len(ours) == 1:
            say(f"the comment {keep.id} is that of run {newest.run}")
            return
        if keep.body.rstrip() != newest.body.rstrip() and not forge.update(keep.id, newest.body):
            made = None
        for extra in ours[1:]:
            forge.delete(extra.id)
            made = None if made is not None and made.id == extra.id else made
    say("the comment was written, and others change it as well: let jobs of one pull request wait for each other")
