"""GitHub and GitLab as contrib/forge asks them: comments of one pull request, on loopback, and nothing leniently."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "forge-token-of-the-tests"
NUMBER = 7


@dataclass
class Answer:
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None


class Stand:
    """Comments in the order in which they were made; `troubles` are given in place of answers, first come first."""

    limit, create_status, delete_status, verb = 0, 201, 204, ""
    comments_path, one_path, known_query = "", "", frozenset[str]()

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.requests: list[str] = []
        self.troubles: list[tuple[str, Answer]] = []
        self.before: Callable[[str], None] = lambda method: None
        self._next, self._lock = 100, threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        stand = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                answer = stand.serve(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                text = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {**answer.headers, "Content-Length": str(len(text))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = answer

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def serve(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self.before(method)
        with self._lock:
            self.requests.append(f"{method} {path}")
            place, query = urlsplit(path), dict(parse_qsl(urlsplit(path).query))
            if not self.is_known(headers):
                return Answer(401, body={"message": "Bad credentials"})
            if self.troubles and self.troubles[0][0] == method:
                return self.troubles.pop(0)[1]
            if not set(query) <= self.known_query:
                return Answer(400, body={"message": f"unknown: {sorted(query)}"})
            special = self.special(method, place.path)
            if special is not None:
                return special
            if method in ("POST", self.verb):
                told = json.loads(body)
                if set(told) != {"body"} or not 0 < len(told["body"]) <= self.limit:
                    return Answer(422, body={"message": "Validation failed"})
            if place.path == self.comments_path and method == "GET":
                return self.list(query)
            if place.path == self.comments_path and method == "POST":
                return Answer(self.create_status, body=self.add(told["body"], self.me()))
            one = re.fullmatch(f"{self.one_path}/([0-9]+)", place.path)
            found = [comment for comment in self.comments if one and comment["id"] == int(one[1])]
            if not found:
                return Answer(404, body={"message": "Not Found"})
            if method == self.verb:
                found[0]["body"] = told["body"]
                return Answer(200, body=found[0])
            if method == "DELETE":
                self.comments.remove(found[0])
                return Answer(self.delete_status)
            return Answer(405)

    def list(self, query: dict[str, str]) -> Answer:
        size, page = int(query["per_page"]), int(query["page"])
        part = self.comments[(page - 1) * size:page * size]
        more = page * size < len(self.comments)
        link = f'<{self.url}{self.comments_path}?page={page + 1}>; rel="next", ' if more else ""
        return Answer(200, {"Link": f'{link}<{self.url}{self.comments_path}?page=1>; rel="first"'}, part)

    def add(self, body: str, author: dict[str, Any]) -> dict[str, Any]:
        self._next += 1
        self.comments.append({"id": self._next, "body": body, **author})
        return self.comments[-1]

    def count(self, method: str) -> int:
        return sum(request.startswith(f"{method} ") for request in self.requests)

    def is_known(self, headers: dict[str, str]) -> bool:
        raise NotImplementedError

    def special(self, method: str, path: str) -> Answer | None:
        return None

    def me(self) -> dict[str, Any]:
        raise NotImplementedError

    def other(self) -> dict[str, Any]:
        raise NotImplementedError


class GitHubStand(Stand):
    limit, verb = 65536, "PATCH"
    comments_path, one_path = f"/repos/team/chat/issues/{NUMBER}/comments", "/repos/team/chat/issues/comments"
    known_query = frozenset({"per_page", "page"})

    def is_known(self, headers: dict[str, str]) -> bool:
        return (headers.get("authorization"), headers.get("x-github-api-version")) == (f"Bearer {TOKEN}", "2022-11-28")

    def me(self) -> dict[str, Any]:
        return {"user": {"login": "github-actions[bot]", "type": "Bot"}}

    def other(self) -> dict[str, Any]:
        return {"user": {"login": "mallory", "type": "User"}}


class GitLabStand(Stand):
    limit, verb = 1_000_000, "PUT"
    comments_path = one_path = f"/projects/42/merge_requests/{NUMBER}/notes"
    known_query = frozenset({"per_page", "page", "sort", "order_by"})

    def is_known(self, headers: dict[str, str]) -> bool:
        return headers.get("private-token") == TOKEN

    def special(self, method: str, path: str) -> Answer | None:
        return Answer(200, body={"id": 5, "username": "project_42_bot"}) if (method, path) == ("GET", "/user") else None

    def me(self) -> dict[str, Any]:
        return {"author": {"id": 5, "username": "project_42_bot"}, "system": False}

    def other(self) -> dict[str, Any]:
        return {"author": {"id": 6, "username": "mallory"}, "system": False}
