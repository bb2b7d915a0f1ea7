"""The signer held against botocore's on thousands of generated requests.

SIGN_CASES names the program that signs with ours; see sign_cases.c.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlsplit

import botocore.auth
import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

COUNT = 10_000
SEED = 20260101
SUITE_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

SEGMENTS = ["a", "model", ".", "..", "", "a b", "a:b", "cohere.embed-multilingual-v3:0", "%", "100%", "ü", "日本",
            "~", "-_.~", "+", "&", "=", "*", "'", "(x)", "@", "$", ",", ";", "!", "a%2Fb", "\U0001f600", "[1]"]
KEYS = ["Action", "a", "a", "A", "b", "key", "k:ey", "k ey", "é", "X-Amz-Foo", "limit", "a.b", "a-b", "a_b", "a~b"]
VALUES = ["", "", "1", "a b", "a+b", "/", "a/b", "=", "&", "é", "日本", "%41", "~", "*", "'", '"quoted"', "a:b", "Z", "z"]
HEADERS = ["X-Amz-Target", "x-amz-meta", "Content-Type", "CONTENT-TYPE", "Accept", "My-Header", "my-header1",
           "User-Agent", "Expect", "X-Amzn-Trace-Id", "Connection", "Transfer-Encoding", "TE", "Upgrade", "Keep-Alive",
           "Trailer", "Proxy-Authorization", "amz-sdk-request", "Range"]
HEADER_VALUES = ["", "x", "a  b", "  a", "a  ", "\ta\t b ", "a,b", "a , b", "attempt=1; max=3", '"a   b"', "é", "a\t\tb"]
HOSTS = ["rds.eu-west-3.amazonaws.com", "RDS.Eu-West-3.amazonaws.com", "127.0.0.1:8443", "localhost:5000",
         "db.example.us-east-1.rds.amazonaws.com:5432", "[::1]:4566"]
BODIES = [None, "", "{}", "Action=DescribeDBClusters&Version=2014-10-31", '{"UserPoolId":"é"}', "x" * 5000, "\n", "日本"]


def make_path(rng: random.Random) -> str:
    segments = [quote(rng.choice(SEGMENTS), safe="") for _ in range(rng.randrange(0, 6))]
    # Dots are never encoded, so that "." and ".." stay themselves on the wire.
    return "/" + "/".join(segments) + rng.choice(["", "/"]) if segments else rng.choice(["", "/", "//"])


def make_query(rng: random.Random, distinct: bool) -> str:
    keys = [rng.choice(KEYS) for _ in range(rng.randrange(0, 7))]
    if distinct:
        keys = list(dict.fromkeys(keys))
    pairs = [(quote(key, safe="-_.~"), quote(rng.choice(VALUES), safe="-_.~")) for key in keys]
    return "&".join(key if not value and rng.random() < 0.5 else f"{key}={value}" for key, value in pairs)


def make_case(rng: random.Random) -> dict[str, Any]:
    presign = rng.random() < 0.3
    headers = [[rng.choice(HEADERS), rng.choice(HEADER_VALUES)] for _ in range(rng.randrange(0, 6))]
    return {
        "presign": presign,
        "expires": rng.choice([1, 900, 604800]),
        "method": "GET" if presign else rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"]),
        "host": rng.choice(HOSTS),
        "path": make_path(rng),
        "query": make_query(rng, distinct=presign),
        "headers": headers,
        # botocore moves a body into the query when it presigns; nothing of ours has one there.
        "body": None if presign else rng.choice(BODIES),
        "access_key": "AKIDEXAMPLE",
        "secret_key": rng.choice([SUITE_SECRET, "s", "é" * 20, "x" * 100]),
        "token": rng.choice([None, "TOK/EN+==", "tok en", "t" * 800]),
        "region": rng.choice(["eu-west-3", "us-east-1", "cn-north-1"]),
        "service": rng.choice(["rds", "cognito-idp", "bedrock", "rds-db", "execute-api"]),
        "when": rng.randrange(0, 4_000_000_000),
    }


def sign_with_botocore(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> str:
    moment = datetime.fromtimestamp(case["when"], timezone.utc)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda *args, **kwargs: moment)
    url = f"https://{case['host']}{case['path']}" + (f"?{case['query']}" if case["query"] else "")
    request = AWSRequest(method=case["method"], url=url, data=case["body"])
    for name, value in case["headers"]:
        request.headers.add_header(name, value)
    credentials = Credentials(case["access_key"], case["secret_key"], case["token"])
    if case["presign"]:
        SigV4QueryAuth(credentials, case["service"], case["region"], case["expires"]).add_auth(request)
        return urlsplit(request.url).query
    SigV4Auth(credentials, case["service"], case["region"]).add_auth(request)
    return str(request.headers["Authorization"])


def sign_with_ours(cases: list[dict[str, Any]]) -> list[str]:
    text = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([os.environ["SIGN_CASES"]], input=text, capture_output=True, text=True, check=True)
    return [json.loads(line)["signed"] for line in done.stdout.splitlines()]


def test_equals_botocore(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(SEED)
    cases = [make_case(rng) for _ in range(COUNT)]
    ours = sign_with_ours(cases)
    assert len(ours) == COUNT
    wrong = [(case, sign_with_botocore(case, monkeypatch), signed) for case, signed in zip(cases, ours)
             if sign_with_botocore(case, monkeypatch) != signed]
    assert not wrong, f"{len(wrong)} of {COUNT} differ, e.g. {json.dumps(wrong[0], indent=1, ensure_ascii=False)}"


def test_generates_what_matters() -> None:
    """The pitfalls are in the generated requests, so that equality means something."""
    rng = random.Random(SEED)
    cases = [make_case(rng) for _ in range(COUNT)]
    assert sum(case["presign"] for case in cases) > 1000
    for part in ("/../", "/./", "//", "%3A", "%25", "%E6%97"):
        assert sum(part in case["path"] for case in cases) > 100, part
    assert sum(case["query"].count("a=") > 1 for case in cases) > 100
    assert sum(len({name.lower() for name, _ in case["headers"]}) < len(case["headers"]) for case in cases) > 100


@pytest.mark.parametrize("token, signature", [
    (None, "52dd32e1d4440a6f4cfddc182fea844f5f2c762e61d205e8de091da08f5f76b8"),
    ("TOK/EN+==", "940cd3eb22948d83b71f4fe2d46d3245d1ee314b9ac53f350cf23d2d493ec1ee"),
])
def test_database_tokens(token: str | None, signature: str) -> None:
    case = {"presign": True, "expires": 900, "method": "GET", "path": "/", "query": "Action=connect&DBUser=iam_user",
            "host": "db.example.us-east-1.rds.amazonaws.com:5432", "headers": [], "body": None,
            "access_key": "AKIDEXAMPLE", "secret_key": SUITE_SECRET, "token": token, "region": "us-east-1",
            "service": "rds-db", "when": int(datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc).timestamp())}
    assert sign_with_ours([case])[0].endswith(f"&X-Amz-Signature={signature}")
