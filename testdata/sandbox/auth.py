"""Who sent a request: SigV4, in headers or presigned, recomputed by botocore.

The canonical request is built by botocore from what stood on the wire, never by
code shared with the program under test. Checks come in AWS's order: form of the
header, known key, session token, time, signature.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.compat import HTTPHeaders
from botocore.credentials import Credentials

from service import Settings, random_id
from wire import Request

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=5)
_STAMP = "%Y%m%dT%H%M%SZ"
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


class AuthError(Exception):
    """A request that is not let in. `mistake` is a key of faults.refuse."""

    def __init__(self, mistake: str, message: str) -> None:
        super().__init__(message)
        self.mistake = mistake
        self.message = message


@dataclass
class Key:
    """An access key. Temporary ones have a token and an end."""

    access_key: str
    secret: str
    principal: str
    user_id: str
    token: str | None = None
    expires: datetime | None = None


class Keyring:
    """The access keys that exist. One belongs to the user that the sandbox is started with."""

    def __init__(self, settings: Settings) -> None:
        user = f"arn:aws:iam::{settings.account}:user/operator"
        self.main = Key("AKIA" + random_id(16), random_id(40, _BASE64), user, "AIDA" + random_id(17))
        self._keys = {self.main.access_key: self.main}

    def issue(self, principal: str, user_id: str, expires: datetime) -> Key:
        """Temporary credentials."""
        token = "IQoJb3JpZ2luX2Vj" + random_id(340, _BASE64) + "=="
        key = Key("ASIA" + random_id(16), random_id(40, _BASE64), principal, user_id, token, expires)
        self._keys[key.access_key] = key
        return key

    def find(self, access_key: str) -> Key | None:
        return self._keys.get(access_key)

    def temporary(self) -> list[Key]:
        return [key for key in self._keys.values() if key.token]


@dataclass
class Signed:
    """What the client's side of a signature says."""

    access_key: str
    date: str
    region: str
    service: str
    signed_headers: list[str]
    signature: str
    stamp: str
    token: str | None
    expires: timedelta | None       # presigned requests only

    @property
    def moment(self) -> datetime:
        return datetime.strptime(self.stamp, _STAMP).replace(tzinfo=timezone.utc)


def read_signature(request: Request) -> Signed | None:
    """The signature that a request bears, or None. Malformed ones raise AuthError."""
    query = dict(request.query)
    if "X-Amz-Algorithm" in query:
        return _read_presigned(query)
    header = request.header("authorization")
    if header is None:
        return None
    return _read_header(request, header)


def _read_header(request: Request, header: str) -> Signed:
    algorithm, _, rest = header.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    missing = [name for name in ("Credential", "SignedHeaders", "Signature") if not parts.get(name)]
    if algorithm != ALGORITHM or missing:
        wants = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
        raise AuthError("bad-header", wants or f"Unsupported signature algorithm '{algorithm}'")
    stamp = request.header("x-amz-date") or ""
    return _signed(parts["Credential"], parts["SignedHeaders"], parts["Signature"], stamp,
                   request.header("x-amz-security-token"), None)


def _read_presigned(query: dict[str, str]) -> Signed:
    names = ("X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Date", "X-Amz-Expires")
    missing = [name for name in names if not query.get(name)]
    if query["X-Amz-Algorithm"] != ALGORITHM or missing:
        raise AuthError("bad-header", f"AWS query-string parameters must include {', '.join(names)}.")
    if not re.fullmatch("[0-9]{1,6}", query["X-Amz-Expires"]) or int(query["X-Amz-Expires"]) > 604800:
        raise AuthError("bad-header", "X-Amz-Expires must be less than a week (in seconds)")
    return _signed(query["X-Amz-Credential"], query["X-Amz-SignedHeaders"], query["X-Amz-Signature"],
                   query["X-Amz-Date"], query.get("X-Amz-Security-Token"),
                   timedelta(seconds=int(query["X-Amz-Expires"])))


def _signed(credential: str, headers: str, signature: str, stamp: str, token: str | None,
            expires: timedelta | None) -> Signed:
    scope = credential.split("/")
    if len(scope) != 5 or scope[4] != "aws4_request":
        raise AuthError("bad-header", "Credential must have exactly 5 slash-delimited elements, "
                                      "e.g. keyid/date/region/service/term")
    if not re.fullmatch(r"\d{8}T\d{6}Z", stamp):
        raise AuthError("bad-header", f"Date must be in ISO-8601 'basic format'. Got '{stamp}'.")
    if not stamp.startswith(scope[1]):
        raise AuthError("bad-signature", f"Date in Credential scope does not match YYYYMMDD from "
                                         f"ISO-8601 version of date from HTTP: '{scope[1]}' != '{stamp[:8]}'")
    return Signed(scope[0], scope[1], scope[2], scope[3], headers.split(";"), signature, stamp, token, expires)


class Authenticator:
    """Checks signatures against a keyring. `clock` is the sandbox's, which tests may shift."""

    def __init__(self, keyring: Keyring, settings: Settings, clock: Callable[[], datetime]) -> None:
        self._keyring = keyring
        self._settings = settings
        self._clock = clock

    def check(self, request: Request, signed: Signed, signing_name: str) -> Key:
        """The key that signed `request` for the service of that signing name."""
        key = self._keyring.find(signed.access_key)
        if key is None or (key.token or None) != (signed.token or None):
            raise AuthError("unknown-key", "The security token included in the request is invalid.")
        if key.expires is not None and key.expires <= self._clock():
            raise AuthError("expired", "The security token included in the request is expired")
        self._check_scope(signed, signing_name)
        self._check_time(signed)
        self._check_headers(request, signed)
        if not hmac.compare_digest(_recompute(request, signed, key), signed.signature):
            raise AuthError("bad-signature", "The request signature we calculated does not match the signature "
                            "you provided. Check your AWS Secret Access Key and signing method. "
                            "Consult the service documentation for details.")
        return key

    def _check_scope(self, signed: Signed, signing_name: str) -> None:
        if signed.service != signing_name:
            raise AuthError("bad-signature", f"Credential should be scoped to correct service: '{signing_name}'. ")
        regions = [self._settings.region]
        if signing_name in ("iam", "sts", "bedrock"):
            # IAM is global; STS has a global endpoint beside the regional ones; the application asks Bedrock there.
            regions.append("us-east-1")
        if signed.region not in regions:
            raise AuthError("bad-signature",
                            f"Credential should be scoped to a valid region, not '{signed.region}'. ")

    def _check_time(self, signed: Signed) -> None:
        present, moment = self._clock(), signed.moment
        last = moment + (signed.expires or SKEW)
        if present > last:
            raise AuthError("bad-signature", f"Signature expired: {signed.stamp} is now earlier than "
                            f"{(present - SKEW).strftime(_STAMP)} ({present.strftime(_STAMP)} - 5 min.)")
        if moment > present + SKEW:
            raise AuthError("bad-signature", f"Signature not yet current: {signed.stamp} is still later than "
                            f"{(present + SKEW).strftime(_STAMP)} ({present.strftime(_STAMP)} + 5 min.)")

    @staticmethod
    def _check_headers(request: Request, signed: Signed) -> None:
        must = {"host"} | {name for name, _ in request.headers if name.startswith("x-amz-")}
        for name in sorted(must - set(signed.signed_headers)):
            raise AuthError("bad-signature", f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
        claimed = request.header("x-amz-content-sha256")
        if claimed is not None and claimed != sha256(request.body).hexdigest():
            # Only S3 takes the client's word for the body's digest.
            raise AuthError("bad-signature", "The value of 'x-amz-content-sha256' is not the digest of the body.")


class _Recomputation(SigV4Auth):  # type: ignore[misc]
    """botocore's signer over exactly the headers that the client says it signed."""

    def __init__(self, key: Key, signed: Signed) -> None:
        super().__init__(Credentials(key.access_key, key.secret), signed.service, signed.region)
        self._signed = signed

    def headers_to_sign(self, request: Any) -> HTTPHeaders:
        chosen = HTTPHeaders()
        for name, value in request.headers.items():
            if name in self._signed.signed_headers:
                chosen[name] = value
        return chosen


def _recompute(request: Request, signed: Signed, key: Key) -> str:
    parts = urlsplit(request.target)
    url = f"http://sandbox{parts.path or '/'}?{_canonical_query(parts.query)}"
    again = AWSRequest(method=request.method, url=url, data=request.body)
    for name, value in request.headers:
        again.headers.add_header(name, value)
    again.context["timestamp"] = signed.stamp
    signer = _Recomputation(key, signed)
    text = signer.string_to_sign(again, signer.canonical_request(again))
    return str(signer.signature(text, again))


def _canonical_query(raw: str) -> str:
    """The query string encoded as AWS does it, whatever encoding the client chose."""
    pairs = []
    for pair in raw.split("&") if raw else []:
        name, _, value = pair.partition("=")
        if name != "X-Amz-Signature":
            pairs.append("=".join(quote(unquote(text), safe="-_.~") for text in (name, value)))
    return "&".join(pairs)
