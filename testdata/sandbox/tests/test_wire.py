"""Each operation that the sandbox has, against botocore: requests, answers, errors, refusals.

botocore's serialisers write what wire.py must read, and its parsers read what
wire.py writes; both round trips must lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.exceptions import ClientError
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from conftest import Sandbox, code

import model
import services
from service import AwsError, Settings
from wire import PROTOCOLS, Request

WORLD = services.build(Settings(Path("/nonexistent")))


def _operations() -> Iterator[Any]:
    for name, service in WORLD.services.items():
        for attribute in dir(service):
            if attribute[0].isupper() and callable(getattr(service, attribute)):
                yield pytest.param(name, attribute, id=f"{name}:{attribute}")


OPERATIONS = list(_operations())


def sample(shape: Any, depth: int = 0) -> Any:
    """A value of a shape, with as much in it as a shallow depth allows."""
    if shape.type_name == "structure":
        names = list(shape.members) if depth < 6 else shape.required_members
        names = names[:1] if shape.is_tagged_union else names
        return {name: sample(shape.members[name], depth + 1) for name in names}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1) for _ in range(2)]
    if shape.type_name == "map":
        return {f"key-{n} <&>": sample(shape.value, depth + 1) for n in (1, 2)}
    if shape.type_name in ("integer", "long"):
        return max(7, shape.metadata.get("min", 0))
    return {"string": "grüße <&> \"a=b\"\n\U0001f600 ", "boolean": False, "blob": b"\x00\xff\x80",
            "float": 0.5, "double": 0.5,
            "timestamp": datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)}[shape.type_name]


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_operation_is_in_the_model(service: str, operation: str) -> None:
    assert operation in model.service_model(service).operation_names


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_request_is_read_as_botocore_wrote_it(service: str, operation: str) -> None:
    described = model.service_model(service).operation_model(operation)
    params = sample(described.input_shape) if described.input_shape else {}
    spoken = model.protocol(described.service_model)
    written = create_serializer(spoken, include_validation=False).serialize_to_request(params, described)
    prepared = AWSRequest(written["method"], "http://host" + written["url_path"], written["headers"], written["body"],
                          params=written["query_string"]).prepare()
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
    headers = [(name.lower(), value) for name, value in prepared.headers.items()]
    request = Request(prepared.method, prepared.url.removeprefix("http://host"), headers, body)
    assert PROTOCOLS[spoken].parse(described, request) == params


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_answer_is_read_by_botocore_as_written(service: str, operation: str) -> None:
    described = model.service_model(service).operation_model(operation)
    if described.output_shape is None:
        return
    result = sample(described.output_shape)
    assert model.output_faults(described.output_shape, result) == []
    spoken = model.protocol(described.service_model)
    response = PROTOCOLS[spoken].respond(described, result, "id")
    payload = described.output_shape.serialization.get("payload")
    # A body that is a blob, as a model's answer is, comes as a stream.
    body = BytesIO(response.body) if payload else response.body
    parsed = create_parser(spoken).parse(
        {"status_code": response.status, "headers": response.headers, "body": body}, described.output_shape)
    del parsed["ResponseMetadata"]
    if payload:
        parsed[payload] = parsed[payload].read()
    assert parsed == result


@pytest.mark.parametrize("service", WORLD.services)
def test_every_modelled_error_is_read_by_botocore(service: str) -> None:
    described = model.service_model(service)
    spoken = model.protocol(described)
    for shape in described.error_shapes:
        response = PROTOCOLS[spoken].respond_error(described, AwsError(shape.name, "why <&>"), "id")
        parsed = create_parser(spoken).parse(
            {"status_code": response.status, "headers": HeadersDict(response.headers), "body": response.body}, None)
        assert parsed["Error"]["Message"] == "why <&>"
        assert parsed["Error"]["Code"] == shape.metadata.get("error", {}).get("code", shape.name)
        assert response.status == shape.metadata.get("error", {}).get("httpStatusCode", 400)


def test_output_that_is_not_in_the_model_is_a_fault() -> None:
    shape = model.service_model("rds").operation_model("DescribeDBClusters").output_shape
    assert model.output_faults(shape, {"DBClusters": [{"Status": "available"}]}) == []
    assert model.output_faults(shape, {"DBClusters": [{"Statu": "available"}]})
    assert model.output_faults(shape, {"DBClusters": [{"Port": "5432"}]})


REFUSED = [
    ("cognito-idp", "list_users", {"UserPoolId": "eu-west-3_a", "Limit": 61}, "InvalidParameterException"),
    ("cognito-idp", "list_users", {"UserPoolId": "nonsense!"}, "InvalidParameterException"),
    ("cognito-idp", "list_users", {"UserPoolId": "eu-west-3_a", "Filter": "x" * 257}, "InvalidParameterException"),
    ("cognito-idp", "get_group", {"UserPoolId": "eu-west-3_a"}, "InvalidParameterException"),
    ("cognito-idp", "get_group", {"UserPoolId": "eu-west-3_a", "GroupName": 5}, "SerializationException"),
    ("kms", "describe_key", {}, "ValidationException"),
    ("kms", "describe_key", {"KeyId": "a", "Nonsense": "b"}, "ValidationException"),
    ("dynamodb", "scan", {"TableName": "abc", "TotalSegments": 0}, "ValidationException"),
    ("secretsmanager", "get_secret_value", {"SecretId": ["a"]}, "SerializationException"),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "a b"},
     "ValidationError"),
    ("sts", "assume_role", {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "abc",
                            "DurationSeconds": 60}, "ValidationError"),
    ("sts", "assume_role", {"RoleSessionName": "abc"}, "ValidationError"),
    ("cloudformation", "describe_stacks", {"Nonsense": "x"}, "ValidationError"),
    ("rds", "create_db_cluster_snapshot", {"DBClusterIdentifier": "a"}, "MissingParameter"),
    ("rds", "describe_db_clusters", {"MaxRecords": "many"}, "MalformedInput"),
]


@pytest.mark.parametrize(("service", "method", "params", "wanted"), REFUSED)
def test_what_the_model_forbids_is_refused(sandbox: Sandbox, service: str, method: str, params: dict[str, Any],
                                           wanted: str) -> None:
    client = sandbox.client(service, parameter_validation=False)
    with pytest.raises(ClientError) as excinfo:
        send_unchecked(client, method, params)
    assert code(excinfo) == wanted


def send_unchecked(client: Any, method: str, params: dict[str, Any]) -> None:
    """Sends what botocore would drop for not being in its model, too."""
    def add(params: dict[str, Any], **_: Any) -> None:
        if isinstance(params["body"], dict):
            params["body"]["Nonsense"] = "x"
        else:
            params["body"] = params["body"].rstrip(b"}") + b', "Nonsense": "b"}'

    known = {name: value for name, value in params.items() if name != "Nonsense"}
    if known != params:
        client.meta.events.register("before-call", add)
    getattr(client, method)(**known)


def test_patterns_with_unicode_categories() -> None:
    shape = model.service_model("cognito-idp").shape_for("GroupNameType")
    assert list(model.violations(shape, "Größe-組")) == []
    assert list(model.violations(shape, "with blank"))
    assert list(model.violations(shape, "control\x07"))


def test_validation_errors_are_in_awss_words(sandbox: Sandbox) -> None:
    client = sandbox.client("cognito-idp", parameter_validation=False)
    with pytest.raises(ClientError) as excinfo:
        client.list_users(UserPoolId="eu-west-3_a", Limit=61)
    assert excinfo.value.response["Error"]["Message"] == (
        "1 validation error detected: Value '61' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 60")


