"""The front door: HTTP, and the way of a request through the checks to its service.

In order: which service and operation, signature, parameters against the model,
denials, quota, injected trouble, the service itself. What comes out goes back
in the protocol's shape, errors too.
"""

from __future__ import annotations

import http.server
import socket
import ssl
import struct
import sys
import time
import traceback
import uuid
import zlib
from email.utils import format_datetime
from typing import Any

from botocore.model import OperationModel, ServiceModel

import model
from auth import Authenticator, AuthError, Signed, read_signature
from control import PREFIX, Control
from faults import invalid, refuse
from inject import Injector, Rule
from journal import Journal
from quota import Quotas
from service import AwsError, Call, World
from wire import PROTOCOLS, Malformed, Request, Response, match_uri

BODY_LIMIT = 8 << 20
HTML = b"<html><head><title>503 Service Unavailable</title></head><body></body></html>"


class Front:
    """One sandbox's front door. `answer` is safe to call from many threads."""

    IDLE_SECONDS = 60.0

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.journal = Journal()
        self.injector = Injector()
        world.decide = self.injector.decide
        self.quotas = Quotas(world.settings.quota)
        self.idle_seconds = self.IDLE_SECONDS
        self.control = Control(self, token)
        self._authenticator = Authenticator(world.keyring, world.settings, world.clock)
        self._models = [model.service_model(name) for name in world.services]
        # Takes most of a second; the first request is not to wait for it.
        model.category_runs()

    def answer(self, request: Request) -> tuple[Response, Rule | None]:
        """The response, and the trouble that its delivery is to meet, if any."""
        if request.path.startswith(PREFIX):
            return self.control.answer(request), None
        time.sleep(self.world.settings.latency / 1000)
        request_id = str(uuid.uuid4())
        signed, complaint = _signature_of(request)
        service = self._route(request, signed)
        if service is None:
            return Response(404, b"<UnknownOperationException/>\n", {"Content-Type": "text/xml"}), None
        wire = PROTOCOLS[model.protocol(service)]
        rule = None
        try:
            operation, principal = self._admit(service, request, signed, complaint)
            rule = self.injector.take(f"{service.service_name}:{operation.name}")
            result = self._carry_out(operation, principal, request, rule)
            response = wire.respond(operation, result, request_id)
        except AwsError as error:
            response = wire.respond_error(service, error, request_id)
        if rule is not None and rule.kind == "html":
            response = Response(503, HTML, {"Content-Type": "text/html"})
        response.headers["x-amzn-RequestId"] = request_id
        if service.service_name == "dynamodb":
            response.headers["x-amz-crc32"] = str(zlib.crc32(response.body))
        return response, rule

    def _route(self, request: Request, signed: Signed | None) -> ServiceModel | None:
        """The service meant: by target prefix, by API version, or by the scope of the signature."""
        prefix = (request.header("x-amz-target") or "").rpartition(".")[0]
        version = dict(request.form()).get("Version")
        for candidate in self._models:
            if prefix and prefix == candidate.metadata.get("targetPrefix"):
                return candidate
            if model.protocol(candidate) == "query" and version == candidate.api_version:
                return candidate
        for candidate in self._models:
            if signed is not None and signed.service == candidate.signing_name:
                return candidate
        return next((candidate for candidate in self._models
                     if model.protocol(candidate) == "rest-json" and _rest_operation(candidate, request)), None)

    def _admit(self, service: ServiceModel, request: Request, signed: Signed | None,
               complaint: AuthError | None) -> tuple[OperationModel, str]:
        """The operation and who asks for it, or the refusal of a stranger."""
        name, named = _operation_name(service, request)
        operation = model.operation_model(service, name)
        handler = getattr(self.world.services[service.service_name], name, None)
        unsigned = complaint is None and signed is None
        if operation is not None and handler is not None and unsigned and _needs_no_signature(operation):
            return operation, "anonymous"
        try:
            if complaint is not None:
                raise complaint
            if signed is None:
                raise AuthError("no-auth", "Request is missing Authentication Token")
            key = self._authenticator.check(request, signed, service.signing_name)
        except AuthError as error:
            raise refuse(service.service_name, error.mistake, error.message) from error
        if operation is None or handler is None:
            raise refuse(service.service_name, "unknown-operation", named)
        return operation, key.principal

    def _carry_out(self, operation: OperationModel, principal: str, request: Request,
                   rule: Rule | None) -> dict[str, Any]:
        params: dict[str, Any] = {}
        outcome = "ok"
        try:
            params = _parse(operation, request)
            self._check_may(operation, principal, params)
            _meet_early_trouble(operation, rule)
            return self._call(operation, principal, params)
        except AwsError as error:
            outcome = error.code
            raise
        finally:
            self.journal.record(operation, params, principal, self.world.clock(), outcome)

    def _check_may(self, operation: OperationModel, principal: str, params: dict[str, Any]) -> None:
        service = operation.service_model.service_name
        name = f"{service}:{operation.name}"
        if self.injector.is_denied(name):
            action = f"{operation.service_model.signing_name}:{operation.name}"
            why = f"because no identity-based policy allows the {action} action"
            if self.injector.decide(name) == "explicitDeny":
                why = "with an explicit deny in an identity-based policy"
            raise refuse(service, "denied", f"User: {principal} is not authorized to perform: {action} on resource: "
                         f"* {why}")
        if not self.quotas.take(service, operation.name, params):
            raise refuse(service, "throttled", "Rate exceeded")

    def _call(self, operation: OperationModel, principal: str, params: dict[str, Any]) -> dict[str, Any]:
        settings = self.world.settings
        name = operation.service_model.service_name
        service = self.world.services[name]
        call = Call(name, operation.name, params, settings.account, settings.region, principal)
        try:
            with service.lock:
                result = getattr(service, operation.name)(call) or {}
            faults = model.output_faults(operation.output_shape, result)
        except AwsError:
            raise
        except Exception as error:
            faults = [traceback.format_exc()]
            traceback.print_exception(error)
        if faults:
            self.journal.defect(f"{name}:{operation.name}: {'; '.join(faults)}")
            raise refuse(name, "internal", "The sandbox itself failed: see `defects` among the calls")
        return dict(result)


def _signature_of(request: Request) -> tuple[Signed | None, AuthError | None]:
    try:
        return read_signature(request), None
    except AuthError as error:
        return None, error


def _operation_name(service: ServiceModel, request: Request) -> tuple[str, str]:
    """The name of the operation asked for, and AWS's words for when there is none such."""
    spoken = model.protocol(service)
    if spoken == "query":
        form = dict(request.form())
        name, version = form.get("Action", ""), form.get("Version", "NO_VERSION_SPECIFIED")
        known = name if version == service.api_version else ""
        return known, f"Could not find operation {name} for version {version}"
    if spoken == "json":
        content = request.header("content-type") or ""
        name = (request.header("x-amz-target") or "").rpartition(".")[2]
        return name if content.startswith("application/x-amz-json-") else "", ""
    return _rest_operation(service, request) or "", "Unable to determine service/operation name to be authorized"


def _rest_operation(service: ServiceModel, request: Request) -> str | None:
    # Literal templates before those with names in them: /apikeys before /{id}.
    operations = [service.operation_model(name) for name in service.operation_names]
    for operation in sorted(operations, key=lambda one: one.http["requestUri"].count("{")):
        bound = operation.http
        if bound["method"] == request.method and match_uri(bound["requestUri"], request.path) is not None:
            return str(operation.name)
    return None


def _needs_no_signature(operation: OperationModel) -> bool:
    return bool(operation.auth_type == "none" or operation.auth == ["smithy.api#noAuth"])


def _parse(operation: OperationModel, request: Request) -> dict[str, Any]:
    service = operation.service_model.service_name
    try:
        params: dict[str, Any] = PROTOCOLS[model.protocol(operation.service_model)].parse(operation, request)
    except Malformed as error:
        raise refuse(service, "malformed", str(error)) from error
    found = list(model.violations(operation.input_shape, params))
    if found:
        raise invalid(service, found)
    return params


def _meet_early_trouble(operation: OperationModel, rule: Rule | None) -> None:
    """What an injected rule does before the service is asked."""
    service = operation.service_model.service_name
    if rule is None:
        return
    if rule.kind == "delay":
        time.sleep(rule.seconds)
    elif rule.kind == "throttle":
        raise refuse(service, "throttled", "Rate exceeded")
    elif rule.kind in ("unavailable", "html", "reset-before"):
        raise refuse(service, "unavailable", "Service Unavailable")
    elif rule.kind == "internal":
        raise refuse(service, "internal", "We encountered an internal error. Please try again.")


class Handler(http.server.BaseHTTPRequestHandler):
    """HTTP/1.1 with keep-alive. One thread a connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        if self.server.tls is not None:
            # Here and not in the accepting thread, which one slow handshake would stop.
            self.request.settimeout(10)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def handle_one_request(self) -> None:
        self.connection.settimeout(self.server.front.idle_seconds or 30)
        super().handle_one_request()
        if self.server.front.idle_seconds == 0:
            self.close_connection = True

    def _serve(self) -> None:
        self.connection.settimeout(30)
        body = self._body()
        if body is None:
            return
        headers = [(name.lower(), value.strip()) for name, value in self.headers.items()]
        response, rule = self.server.front.answer(Request(self.command, self.path, headers, body))
        if rule is not None and rule.kind in ("reset-before", "reset-after"):
            self._reset()
            return
        self._send(response, cut=rule is not None and rule.kind == "truncate")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _body(self) -> bytes | None:
        """The request's body; None once it was refused."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            refusal = 411
        elif int(length) > BODY_LIMIT:
            refusal = 413
        else:
            return self.rfile.read(int(length))
        self.close_connection = True
        self._send(Response(refusal, b""))
        return None

    def _send(self, response: Response, cut: bool = False) -> None:
        reason = self.responses.get(response.status, ("",))[0]
        lines = [f"HTTP/1.1 {response.status} {reason}",
                 f"Date: {format_datetime(self.server.front.world.clock(), usegmt=True)}",
                 f"Content-Length: {len(response.body)}"]
        lines += [f"{name}: {value}" for name, value in response.headers.items()]
        if self.close_connection:
            lines.append("Connection: close")
        body = b"" if self.command == "HEAD" else response.body
        message = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        if cut:
            self.close_connection = True
            message = message[:len(message) - len(body) // 2 - 1]
        self.wfile.write(message)

    def _reset(self) -> None:
        """Ends the connection with a reset, as a peer that died."""
        self.close_connection = True
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Both, or the descriptor stays open until the server ends it politely.
        self.rfile.close()
        self.request.close()

    def finish(self) -> None:
        super().finish()
        # With TLS the server knows only the socket inside, which it cannot close.
        self.request.close()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the journal keeps what was asked."""


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], front: Front, tls: ssl.SSLContext | None) -> None:
        self.front = front
        self.tls = tls
        super().__init__(address, Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are everyday; anything else is a defect of ours."""
        if not isinstance(sys.exception(), OSError):
            self.front.journal.defect(traceback.format_exc())
            traceback.print_exc()
