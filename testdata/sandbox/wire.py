"""Requests into parameters, results and errors into responses, by botocore's models.

One class per protocol. Nothing here knows a service: what differs between
services of one protocol (the words for a validation error, for throttling) is
in faults.py.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from xml.sax.saxutils import escape

from botocore.model import OperationModel, ServiceModel, Shape
from botocore.utils import parse_timestamp

from service import AwsError

# What XML 1.0 cannot carry, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass
class Request:
    """An HTTP request as it stood on the wire. Header names are lower-case."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path or "/"

    @property
    def query(self) -> list[tuple[str, str]]:
        return parse_qsl(urlsplit(self.target).query, keep_blank_values=True)

    def form(self) -> list[tuple[str, str]]:
        """The parameters of a query-protocol request: URL and body together."""
        if not (self.header("content-type") or "").startswith("application/x-www-form-urlencoded"):
            return self.query
        text = self.body.decode("utf-8", "replace")
        return self.query + parse_qsl(text, keep_blank_values=True)


@dataclass
class Response:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Malformed(Exception):
    """The body cannot be read as the model's types."""


class QueryProtocol:
    """Form parameters in, XML out: RDS, CloudFormation, STS, IAM."""

    skipped = ("Action", "Version")

    def parse(self, operation: OperationModel, request: Request) -> dict[str, Any]:
        tree: dict[str, Any] = {}
        for key, value in request.form():
            if key not in self.skipped and not key.startswith("X-Amz-"):
                _plant(tree, key.split("."), value)
        if operation.input_shape is None:
            return dict.fromkeys(tree, "")
        return self._structure(operation.input_shape, tree, "")

    def _structure(self, shape: Any, tree: dict[str, Any], path: str) -> dict[str, Any]:
        result: dict[str, Any] = {}
        known = {self._wire_name(member, name): name for name, member in shape.members.items()}
        for wire_name, subtree in tree.items():
            name = known.get(wire_name)
            if name is None:
                # Kept under its wire name, so that the check against the model reports it.
                result[wire_name] = subtree
            else:
                result[name] = self._convert(shape.members[name], subtree, f"{path}{name}")
        return result

    @staticmethod
    def _wire_name(shape: Any, name: str) -> str:
        if shape.type_name == "list" and shape.serialization.get("flattened"):
            return str(shape.member.serialization.get("name", name))
        return str(shape.serialization.get("name", name))

    def _convert(self, shape: Any, tree: Any, path: str) -> Any:
        if shape.type_name == "structure":
            return self._structure(shape, _branches(tree, path), f"{path}.")
        if shape.type_name == "list":
            return self._list(shape, tree, path)
        if shape.type_name == "map":
            return self._map(shape, tree, path)
        if not isinstance(tree, str):
            raise Malformed(f"{path} is not a structure")
        return _scalar_from_text(shape, tree, path)

    def _list(self, shape: Any, tree: Any, path: str) -> list[Any]:
        if tree == "":
            return []
        branches = _branches(tree, path)
        if not shape.serialization.get("flattened"):
            element = shape.member.serialization.get("name", "member")
            if set(branches) != {element}:
                raise Malformed(f"{path} is a list of {element}")
            branches = _branches(branches[element], path)
        return [self._convert(shape.member, branches[key], f"{path}.{key}")
                for key in _positions(branches, path)]

    def _map(self, shape: Any, tree: Any, path: str) -> dict[str, Any]:
        branches = _branches(tree, path)
        if not shape.serialization.get("flattened"):
            branches = _branches(branches.get("entry", {}), path)
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        result = {}
        for position in _positions(branches, path):
            entry = _branches(branches[position], path)
            key = self._convert(shape.key, entry.get(key_name, ""), path)
            result[key] = self._convert(shape.value, entry.get(value_name, ""), path)
        return result

    def respond(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> Response:
        shape = operation.output_shape
        inner = ""
        if shape is not None:
            wrapper = shape.serialization.get("resultWrapper", f"{operation.name}Result")
            inner = _xml_element(wrapper, _xml_members(shape, result))
        document = (f'<{operation.name}Response xmlns="{operation.service_model.metadata["xmlNamespace"]}">'
                    f"{inner}<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
                    f"</{operation.name}Response>")
        return _xml_response(200, document)

    def respond_error(self, service: ServiceModel, error: AwsError, request_id: str) -> Response:
        code, status, _ = _modelled(service, error)
        fault = "Receiver" if status >= 500 else "Sender"
        return _xml_response(status, f'<ErrorResponse xmlns="{service.metadata["xmlNamespace"]}"><Error>'
                                     f"<Type>{fault}</Type><Code>{code}</Code>"
                                     f"{_xml_element('Message', _xml_text(error.message))}</Error>"
                                     f"<RequestId>{request_id}</RequestId></ErrorResponse>")


def _plant(tree: dict[str, Any], keys: list[str], value: str) -> None:
    for key in keys[:-1]:
        below = tree.setdefault(key, {})
        if not isinstance(below, dict):
            raise Malformed(f"{'.'.join(keys)} is given as a value and as a structure")
        tree = below
    if keys[-1] in tree:
        raise Malformed(f"{'.'.join(keys)} is given twice")
    tree[keys[-1]] = value


def _branches(tree: Any, path: str) -> dict[str, Any]:
    if not isinstance(tree, dict):
        raise Malformed(f"Unexpected value for {path}")
    return tree


def _positions(branches: dict[str, Any], path: str) -> list[str]:
    if not all(re.fullmatch("[1-9][0-9]{0,5}", key) for key in branches):
        raise Malformed(f"{path} has an element without a position")
    return sorted(branches, key=int)


def _scalar_from_text(shape: Shape, text: str, path: str) -> Any:
    """A value that travels as text: in forms, headers and URLs."""
    kind = shape.type_name
    try:
        if kind in ("integer", "long"):
            return int(text)
        if kind in ("float", "double"):
            return float(text)
        if kind == "timestamp":
            return _aware(parse_timestamp(text))
        if kind == "blob":
            return base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error) as error:
        raise Malformed(f"Invalid {kind} for {path}: {text}") from error
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise Malformed(f"Invalid boolean for {path}: {text}")
        return text.lower() == "true"
    return text


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _xml_text(text: str) -> str:
    # Carriage returns would be read back as newlines.
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#xD;"})


def _xml_response(status: int, document: str) -> Response:
    """A document over many lines, as AWS writes them. Text has no < or > that are not escaped."""
    return Response(status, document.replace("><", ">\n<").encode() + b"\n", {"Content-Type": "text/xml"})


def _xml_element(tag: str, content: str) -> str:
    return f"<{tag}>{content}</{tag}>" if content else f"<{tag}/>"


def _xml_members(shape: Any, value: dict[str, Any]) -> str:
    parts = []
    for name, member in shape.members.items():
        if value.get(name) is not None:
            parts.append(_xml(member, member.serialization.get("name", name), value[name]))
    return "".join(parts)


def _xml(shape: Any, tag: str, value: Any) -> str:
    if shape.type_name == "structure":
        return _xml_element(tag, _xml_members(shape, value))
    if shape.type_name == "list":
        flat = shape.serialization.get("flattened")
        element = tag if flat else shape.member.serialization.get("name", "member")
        items = "".join(_xml(shape.member, element, item) for item in value)
        return items if flat else _xml_element(tag, items)
    if shape.type_name == "map":
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries = "".join(f"<entry>{_xml(shape.key, key_name, key)}{_xml(shape.value, value_name, item)}</entry>"
                          for key, item in value.items())
        return _xml_element(tag, entries)
    return _xml_element(tag, _xml_text(_text(shape, value)))


def _text(shape: Shape, value: Any) -> str:
    if shape.type_name == "boolean":
        return "true" if value else "false"
    if shape.type_name == "timestamp":
        return _iso8601(value)
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return str(value)


def _iso8601(moment: datetime) -> str:
    utc = moment.astimezone(timezone.utc)
    return utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{utc.microsecond // 1000:03d}Z"


def _modelled(service: ServiceModel, error: AwsError) -> tuple[str, int, str]:
    """Wire code, HTTP status and name of the message member of an error."""
    for shape in service.error_shapes:
        modelled = shape.metadata.get("error", {})
        if error.code in (shape.name, modelled.get("code")):
            code = modelled.get("code", shape.name)
            member = next((name for name in shape.members if name.lower() == "message"), "message")
            return code, modelled.get("httpStatusCode", error.status), member
    return error.code, error.status, "message"


class JsonProtocol:
    """JSON 1.0 and 1.1: an object in, an object out."""

    def parse(self, operation: OperationModel, request: Request) -> dict[str, Any]:
        document = self._document(request)
        if operation.input_shape is None:
            return document
        return dict(from_json(operation.input_shape, document, ""))

    @staticmethod
    def _document(request: Request) -> dict[str, Any]:
        try:
            document = json.loads(request.body or b"{}")
        except (ValueError, RecursionError) as error:
            raise Malformed("The request body is not JSON") from error
        if not isinstance(document, dict):
            raise Malformed("Start of structure or map found where not expected.")
        return document

    def respond(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> Response:
        # An operation without an output shape answers with nothing at all, not with {}.
        body = b"" if operation.output_shape is None else _dump(to_json(operation.output_shape, result))
        return Response(200, body, self._headers(operation.service_model))

    def respond_error(self, service: ServiceModel, error: AwsError, request_id: str) -> Response:
        code, status, member = _modelled(service, error)
        document = {"__type": self._namespace(service, error) + code, **error.fields}
        if error.message:
            document[member] = error.message
        headers = self._headers(service) | {"x-amzn-ErrorType": f"{code}:"}
        return Response(status, _dump(document), headers)

    @staticmethod
    def _namespace(service: ServiceModel, error: AwsError) -> str:
        """DynamoDB alone qualifies its codes; clients have to cut that off."""
        if service.service_name != "dynamodb":
            return ""
        own = any(shape.name == error.code for shape in service.error_shapes)
        return "com.amazonaws.dynamodb.v20120810#" if own else "com.amazon.coral.service#"

    @staticmethod
    def _headers(service: ServiceModel) -> dict[str, str]:
        return {"Content-Type": f"application/x-amz-json-{service.metadata['jsonVersion']}"}


class RestJsonProtocol:
    """Parameters in the path, the query, headers and a JSON body: API Gateway, Bedrock."""

    def parse(self, operation: OperationModel, request: Request) -> dict[str, Any]:
        shape: Any = operation.input_shape
        if shape is None:
            return {}
        payload = shape.serialization.get("payload")
        params = self._bound(operation, shape, request)
        body_shape = {name: member for name, member in shape.members.items()
                      if "location" not in member.serialization}
        if payload and shape.members[payload].type_name == "blob":
            return params | {payload: request.body}
        if payload or body_shape:
            document = JsonProtocol._document(request)
            if payload:
                return params | {payload: from_json(shape.members[payload], document, payload)}
            return params | _members_from_json(body_shape, document, "")
        return params

    @staticmethod
    def _bound(operation: OperationModel, shape: Any, request: Request) -> dict[str, Any]:
        matched = match_uri(operation.http["requestUri"], request.path) or {}
        query = dict(request.query)
        params: dict[str, Any] = {}
        for name, member in shape.members.items():
            where = member.serialization.get("location")
            wire_name = member.serialization.get("name", name)
            places = {"uri": matched.get(wire_name), "querystring": query.get(wire_name),
                      "header": request.header(wire_name.lower())}
            text = places.get(where)
            if text is not None:
                params[name] = _scalar_from_text(member, text, name)
        return params

    def respond(self, operation: OperationModel, result: dict[str, Any], request_id: str) -> Response:
        status = operation.http.get("responseCode", 200)
        shape: Any = operation.output_shape
        headers = {"Content-Type": "application/json"}
        if shape is None:
            return Response(status, b"", headers)
        payload = shape.serialization.get("payload")
        body_members = dict(result)
        for name, member in shape.members.items():
            if member.serialization.get("location") == "header" and name in body_members:
                headers[member.serialization.get("name", name)] = _text(member, body_members.pop(name))
        if payload and shape.members[payload].type_name == "blob":
            return Response(status, result[payload], headers)
        return Response(status, _dump(to_json(shape, body_members)), headers)

    def respond_error(self, service: ServiceModel, error: AwsError, request_id: str) -> Response:
        code, status, member = _modelled(service, error)
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
        return Response(status, _dump({member: error.message, **error.fields}), headers)


def match_uri(template: str, path: str) -> dict[str, str] | None:
    """The values of a URI template's {names} in a path on the wire, or None."""
    pattern = ""
    for part in re.split(r"(\{\w+\+?\})", template.split("?")[0]):
        if part.startswith("{"):
            pattern += f"(?P<{part.strip('{}+')}>{'.+' if part.endswith('+}') else '[^/]+'})"
        else:
            pattern += re.escape(part)
    found = re.fullmatch(pattern, path)
    return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


def from_json(shape: Any, value: Any, path: str) -> Any:
    """A JSON value as its shape's Python type; what does not fit is Malformed."""
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        return _members_from_json(shape.members, _expect(value, dict, kind), path)
    if kind == "list":
        return [from_json(shape.member, item, f"{path}[{i}]")
                for i, item in enumerate(_expect(value, list, kind))]
    if kind == "map":
        return {key: from_json(shape.value, item, f"{path}.{key}")
                for key, item in _expect(value, dict, kind).items()}
    if kind == "blob":
        return _scalar_from_text(shape, _expect(value, str, kind), path)
    if kind == "timestamp" and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, timezone.utc)
    if kind == "timestamp":
        return _scalar_from_text(shape, _expect(value, str, kind), path)
    wanted: Any = {"string": str, "boolean": bool, "integer": int, "long": int,
                   "float": (int, float), "double": (int, float)}.get(kind, object)
    return _expect(value, wanted, kind)


def _members_from_json(members: dict[str, Any], document: dict[str, Any], path: str) -> dict[str, Any]:
    known = {shape.serialization.get("name", name): name for name, shape in members.items()}
    result = {}
    for wire_name, value in document.items():
        if value is None:
            continue
        name = known.get(wire_name)
        below = f"{path}.{wire_name}" if path else wire_name
        result[name or wire_name] = from_json(members[name], value, below) if name else value
    return result


def _expect(value: Any, wanted: Any, kind: str) -> Any:
    if not isinstance(value, wanted) or (isinstance(value, bool) and kind not in ("boolean", "structure")):
        found = {dict: "structure", list: "list", str: "STRING_VALUE", bool: "TRUE_VALUE",
                 int: "NUMBER_VALUE", float: "DECIMAL_VALUE"}.get(type(value), "null")
        raise Malformed(f"{found} cannot be converted to {kind.capitalize()}")
    return value


def to_json(shape: Any, value: Any) -> Any:
    """A result's value as JSON has it."""
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        return {member.serialization.get("name", name): to_json(member, value[name])
                for name, member in shape.members.items() if value.get(name) is not None}
    if kind == "list":
        return [to_json(shape.member, item) for item in value]
    if kind == "map":
        return {key: to_json(shape.value, item) for key, item in value.items()}
    if kind == "timestamp":
        if shape.serialization.get("timestampFormat") == "iso8601":
            return _iso8601(value)
        return round(value.timestamp(), 3)
    if kind == "blob":
        return base64.b64encode(value).decode()
    return value


def _dump(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


PROTOCOLS: dict[str, Any] = {
    "query": QueryProtocol(),
    "json": JsonProtocol(),
    "rest-json": RestJsonProtocol(),
}
