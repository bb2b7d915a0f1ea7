"""KMS, Secrets Manager, CloudFormation and DynamoDB, as a client sees them."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Sandbox, code


def eventually(holds: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def refused(method: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as excinfo:
        method(**params)
    return code(excinfo)


def test_kms_key_by_every_name_and_in_every_state(sandbox: Sandbox) -> None:
    kms = sandbox.client("kms")
    key = kms.create_key(Description="d")["KeyMetadata"]
    alias = f"alias/{uuid.uuid4()}"
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    alias_arn = key["Arn"].partition("key/")[0] + alias
    for name in (key["KeyId"], key["Arn"], alias, alias_arn):
        found = kms.describe_key(KeyId=name)["KeyMetadata"]
        assert (found["Arn"], found["KeyState"], found["Enabled"]) == (key["Arn"], "Enabled", True)
    for name in ("alias/none", str(uuid.uuid4()), key["Arn"].replace("eu-west-3", "eu-west-1")):
        assert refused(kms.describe_key, KeyId=name) == "NotFoundException"
    kms.disable_key(KeyId=key["KeyId"])
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyState"] == "Disabled"
    kms.schedule_key_deletion(KeyId=key["KeyId"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=alias)["KeyMetadata"]["KeyState"] == "PendingDeletion"
    assert refused(kms.enable_key, KeyId=key["KeyId"]) == "KMSInvalidStateException"
    assert refused(kms.disable_key, KeyId="alias/aws/rds") == "AccessDeniedException"


def test_secret_by_every_name_version_and_stage(sandbox: Sandbox) -> None:
    secrets, name = sandbox.client("secretsmanager"), f"app/{uuid.uuid4()}"
    made = secrets.create_secret(Name=name, SecretString="one")
    secrets.put_secret_value(SecretId=name, SecretString="two")
    for known in (name, made["ARN"], made["ARN"][:-7]):
        assert secrets.get_secret_value(SecretId=known)["SecretString"] == "two"
    assert secrets.get_secret_value(SecretId=name, VersionStage="AWSPREVIOUS")["SecretString"] == "one"
    assert secrets.get_secret_value(SecretId=name, VersionId=made["VersionId"])["SecretString"] == "one"
    assert refused(secrets.get_secret_value, SecretId=name, VersionStage="NONE") == "ResourceNotFoundException"
    assert refused(secrets.get_secret_value, SecretId="none") == "ResourceNotFoundException"
    described = secrets.describe_secret(SecretId=name)
    assert "RotationEnabled" not in described
    assert sorted(described["VersionIdsToStages"].values()) == [["AWSCURRENT"], ["AWSPREVIOUS"]]
    secrets.delete_secret(SecretId=name)
    assert refused(secrets.get_secret_value, SecretId=name) == "InvalidRequestException"
    assert "DeletedDate" in secrets.describe_secret(SecretId=name)
    secrets.restore_secret(SecretId=name)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "two"


def test_put_is_idempotent_by_its_token(sandbox: Sandbox) -> None:
    secrets, name, token = sandbox.client("secretsmanager"), str(uuid.uuid4()), str(uuid.uuid4())
    secrets.create_secret(Name=name, SecretBinary=b"\x00\xff")
    assert secrets.get_secret_value(SecretId=name)["SecretBinary"] == b"\x00\xff"
    for _ in range(2):
        secrets.put_secret_value(SecretId=name, SecretString="x", ClientRequestToken=token)
    assert refused(secrets.put_secret_value, SecretId=name, SecretString="y",
                   ClientRequestToken=token) == "ResourceExistsException"


def test_secret_under_a_key_that_is_off(sandbox: Sandbox) -> None:
    kms, secrets, name = sandbox.client("kms"), sandbox.client("secretsmanager"), str(uuid.uuid4())
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    secrets.create_secret(Name=name, SecretString="x", KmsKeyId=key)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    kms.disable_key(KeyId=key)
    assert refused(secrets.get_secret_value, SecretId=name) == "DecryptionFailure"


def test_rotation(sandbox: Sandbox) -> None:
    secrets, name = sandbox.client("secretsmanager"), str(uuid.uuid4())
    secrets.create_secret(Name=name, SecretString="x")
    assert refused(secrets.rotate_secret, SecretId=name) == "InvalidRequestException"
    works = sandbox.control("secretsmanager/rotation", name="works")["arn"]
    fails = sandbox.control("secretsmanager/rotation", name="fails", fail=True)["arn"]
    assert refused(secrets.rotate_secret, SecretId=name, RotationLambdaARN=works + "x") == "ResourceNotFoundException"
    sandbox.control("secretsmanager/break", step="testSecret", how="hold")
    secrets.rotate_secret(SecretId=name, RotationLambdaARN=works, RotateImmediately=False)
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    assert secrets.describe_secret(SecretId=name)["RotationEnabled"] is True
    assert is_pending(secrets, name), "the function is tested on a version that goes again"
    sandbox.control("secretsmanager/mend")
    eventually(lambda: not is_pending(secrets, name))
    assert "LastRotatedDate" not in secrets.describe_secret(SecretId=name)
    secrets.rotate_secret(SecretId=name)
    eventually(lambda: secrets.get_secret_value(SecretId=name)["SecretString"] == "x (rotated)")
    described = secrets.describe_secret(SecretId=name)
    assert (described["NextRotationDate"] - described["LastRotatedDate"]).days == 30
    secrets.cancel_rotate_secret(SecretId=name)
    described = secrets.describe_secret(SecretId=name)
    assert described["RotationEnabled"] is False and described["RotationLambdaARN"] == works
    assert "LastRotatedDate" not in described and "NextRotationDate" not in described
    secrets.rotate_secret(SecretId=name, RotationLambdaARN=fails)
    assert is_pending(secrets, name)
    assert refused(secrets.rotate_secret, SecretId=name) == "InvalidRequestException"
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x (rotated)"


def is_pending(secrets: Any, name: str) -> bool:
    """A rotation is under way, or was left half-done."""
    return ["AWSPENDING"] in secrets.describe_secret(SecretId=name)["VersionIdsToStages"].values()


def test_a_rotation_that_is_held_cancelled_or_left_half_done(sandbox: Sandbox) -> None:
    secrets, name = sandbox.client("secretsmanager"), str(uuid.uuid4())
    secrets.create_secret(Name=name, SecretString="x")
    works = sandbox.control("secretsmanager/rotation", name="works")["arn"]
    sandbox.control("secretsmanager/break", step="finishSecret", how="hold")
    secrets.rotate_secret(SecretId=name, RotationLambdaARN=works, RotationRules={"ScheduleExpression": "rate(4 hours)"})

    def pending() -> str | None:
        try:
            return str(secrets.get_secret_value(SecretId=name, VersionStage="AWSPENDING")["SecretString"])
        except ClientError:
            return None

    eventually(lambda: pending() == "x (rotated)")
    assert secrets.get_secret_value(SecretId=name)["SecretString"] == "x"
    assert refused(secrets.rotate_secret, SecretId=name) == "InvalidRequestException"
    secrets.cancel_rotate_secret(SecretId=name)
    sandbox.control("secretsmanager/mend")
    other = str(uuid.uuid4())
    secrets.create_secret(Name=other, SecretString="y")
    secrets.rotate_secret(SecretId=other, RotationLambdaARN=works)
    eventually(lambda: secrets.get_secret_value(SecretId=other)["SecretString"] == "y (rotated)")
    assert is_pending(secrets, name), "what was cancelled does not go on"
    stages = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    (left,) = (version for version, labels in stages.items() if labels == ["AWSPENDING"])
    secrets.update_secret_version_stage(SecretId=name, VersionStage="AWSPENDING", RemoveFromVersionId=left)
    assert not is_pending(secrets, name)

    before = secrets.describe_secret(SecretId=name)["LastChangedDate"]
    sandbox.control("secretsmanager/age", secret=name, seconds=7200)
    assert (before - secrets.describe_secret(SecretId=name)["LastChangedDate"]).total_seconds() == 7200


def seed_stack(sandbox: Sandbox, name: str, **more: Any) -> str:
    arguments = {"outputs": {}, "resources": [], **more}
    return str(sandbox.control("cloudformation/stack", name=name, **arguments)["id"])


def test_stack_outputs_resources_and_pages(sandbox: Sandbox) -> None:
    stacks, name = sandbox.client("cloudformation"), f"Stack-{uuid.uuid4()}"
    resources = [{"LogicalResourceId": f"R{n:03}", "PhysicalResourceId": f"p-{n}", "ResourceType": "AWS::Test::Thing"}
                 for n in range(250)]
    stack_id = seed_stack(sandbox, name, outputs={"A": "1", "B": "<&>"}, exports={"A": f"{name}-A"},
                          resources=resources)
    for known in (name, stack_id):
        stack, = stacks.describe_stacks(StackName=known)["Stacks"]
        assert stack["Outputs"] == [{"OutputKey": "A", "OutputValue": "1", "ExportName": f"{name}-A"},
                                    {"OutputKey": "B", "OutputValue": "<&>"}]
    pages = list(stacks.get_paginator("list_stack_resources").paginate(StackName=name))
    assert [len(page["StackResourceSummaries"]) for page in pages] == [100, 100, 50]
    events = stacks.get_paginator("describe_stack_events").paginate(StackName=name).build_full_result()["StackEvents"]
    assert len(events) == 251 and events[0]["LogicalResourceId"] == name
    assert refused(stacks.list_stack_resources, StackName=name, NextToken="nonsense") == "ValidationError"
    assert refused(stacks.describe_stacks, StackName="none") == "ValidationError"


def test_stack_is_held_by_who_imports_from_it(sandbox: Sandbox) -> None:
    stacks, name = sandbox.client("cloudformation"), f"Stack-{uuid.uuid4()}"
    stack_id = seed_stack(sandbox, name, outputs={"A": "1"}, exports={"A": f"{name}-A"})
    assert refused(stacks.list_imports, ExportName=f"{name}-A") == "ValidationError"
    seed_stack(sandbox, f"{name}-user", imports=[f"{name}-A"])
    assert stacks.list_imports(ExportName=f"{name}-A")["Imports"] == [f"{name}-user"]

    def status(known: str) -> str:
        return str(stacks.describe_stacks(StackName=known)["Stacks"][0]["StackStatus"])

    stacks.delete_stack(StackName=name)
    assert status(name) == "DELETE_IN_PROGRESS"
    eventually(lambda: status(name) == "DELETE_FAILED")
    newest = stacks.describe_stack_events(StackName=name)["StackEvents"][0]
    assert newest["ResourceStatusReason"] == f"Export {name}-A cannot be deleted as it is in use by {name}-user"
    stacks.delete_stack(StackName=f"{name}-user")
    eventually(lambda: refused_or_none(stacks.list_imports, ExportName=f"{name}-A") == "ValidationError")
    stacks.delete_stack(StackName=name)
    eventually(lambda: status(stack_id) == "DELETE_COMPLETE")
    assert refused(stacks.describe_stacks, StackName=name) == "ValidationError"
    stacks.delete_stack(StackName=name)
    gone = stacks.get_paginator("list_stacks").paginate(StackStatusFilter=["DELETE_COMPLETE"]).build_full_result()
    assert stack_id in [summary["StackId"] for summary in gone["StackSummaries"]]


def refused_or_none(method: Any, **params: Any) -> str | None:
    try:
        method(**params)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


def test_protected_stack_stays(sandbox: Sandbox) -> None:
    stacks, name = sandbox.client("cloudformation"), f"Stack-{uuid.uuid4()}"
    seed_stack(sandbox, name, protected=True)
    assert stacks.describe_stacks(StackName=name)["Stacks"][0]["EnableTerminationProtection"] is True
    assert refused(stacks.delete_stack, StackName=name) == "ValidationError"


def test_a_stack_of_an_api_and_what_becomes_of_each_resource(sandbox: Sandbox) -> None:
    stacks, gateway, name = sandbox.client("cloudformation"), sandbox.client("apigateway"), f"Stack-{uuid.uuid4()}"
    plan = sandbox.control("apigateway/plan", name=name, api_id="abc123", keys=1, throttle={"rateLimit": 5.5},
                           quota={"limit": 1000, "offset": 10, "period": "WEEK"})["id"]
    (key,) = gateway.get_usage_plan_keys(usagePlanId=plan)["items"]
    listed = {"Role": ("AWS::IAM::Role", "role"), "Handler": ("AWS::Lambda::Function", "function"),
              "Key": ("AWS::ApiGateway::ApiKey", key["id"]), "Plan": ("AWS::ApiGateway::UsagePlan", plan)}
    stack_id = seed_stack(sandbox, name, parameters={"BootstrapVersion": "/cdk"}, retained=["Role"], resources=[
        {"LogicalResourceId": logical, "ResourceType": kind, "PhysicalResourceId": physical}
        for logical, (kind, physical) in listed.items()])
    described, = stacks.describe_stacks(StackName=name)["Stacks"]
    assert described["Parameters"] == [{"ParameterKey": "BootstrapVersion", "ParameterValue": "/cdk"}]
    found = gateway.get_usage_plan(usagePlanId=plan)
    assert found["throttle"] == {"rateLimit": 5.5} and found["quota"] == {"limit": 1000, "offset": 10, "period": "WEEK"}

    def status() -> str:
        return str(stacks.describe_stacks(StackName=stack_id)["Stacks"][0]["StackStatus"])

    def resources() -> dict[str, str]:
        listed = stacks.list_stack_resources(StackName=stack_id)["StackResourceSummaries"]
        return {resource["LogicalResourceId"]: resource["ResourceStatus"] for resource in listed}

    assert refused(stacks.delete_stack, StackName=name, RetainResources=["Handler"]) == "ValidationError"
    sandbox.control("cloudformation/undeletable", stack=name, resource="Handler", reason="it is at work")
    stacks.delete_stack(StackName=name)
    eventually(lambda: status() == "DELETE_FAILED")
    assert resources() == {"Role": "DELETE_SKIPPED", "Handler": "DELETE_FAILED", "Key": "DELETE_COMPLETE",
                           "Plan": "DELETE_COMPLETE"}
    assert refused(gateway.get_usage_plan, usagePlanId=plan) == "NotFoundException"
    assert refused(gateway.get_api_key, apiKey=key["id"]) == "NotFoundException"
    events = stacks.describe_stack_events(StackName=name)["StackEvents"]
    assert [(event["LogicalResourceId"], event["ResourceStatus"]) for event in events[:9]] == [
        (name, "DELETE_FAILED"), ("Role", "DELETE_SKIPPED"), ("Handler", "DELETE_FAILED"),
        ("Handler", "DELETE_IN_PROGRESS"), ("Key", "DELETE_COMPLETE"), ("Key", "DELETE_IN_PROGRESS"),
        ("Plan", "DELETE_COMPLETE"), ("Plan", "DELETE_IN_PROGRESS"), (name, "DELETE_IN_PROGRESS")]
    assert events[2]["ResourceStatusReason"] == "it is at work"
    stacks.delete_stack(StackName=name, RetainResources=["Handler"])
    eventually(lambda: status() == "DELETE_COMPLETE")
    assert resources()["Handler"] == "DELETE_SKIPPED"


def test_keys_of_a_usage_plan(sandbox: Sandbox) -> None:
    gateway = sandbox.client("apigateway")
    plan = sandbox.control("apigateway/plan", name="published", api_id="abc123", keys=30)["id"]
    first = gateway.get_usage_plan_keys(usagePlanId=plan)
    assert len(first["items"]) == 25
    rest = gateway.get_usage_plan_keys(usagePlanId=plan, position=first["position"])
    key_ids = [key["id"] for key in first["items"] + rest["items"]]
    assert len(set(key_ids)) == 30 and "position" not in rest
    answer = gateway.delete_api_key(apiKey=key_ids[0])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert refused(gateway.delete_api_key, apiKey=key_ids[0]) == "NotFoundException"
    left = gateway.get_usage_plan_keys(usagePlanId=plan, limit=500)["items"]
    assert sorted(key["id"] for key in left) == sorted(key_ids[1:])
    assert refused(gateway.get_usage_plan_keys, usagePlanId="none") == "NotFoundException"
    wrong = sandbox.client("apigateway", sandbox.session_for(sandbox.state["access_key"], "wrong"))
    assert refused(wrong.get_usage_plans) == "InvalidSignatureException"
    sandbox.run("throttle", "apigateway:GetUsagePlans")
    assert refused(gateway.get_usage_plans) == "TooManyRequestsException"


@pytest.fixture
def table(sandbox: Sandbox) -> str:
    name = f"table-{uuid.uuid4()}"
    keys = [("PK", "HASH"), ("SK", "RANGE")]
    sandbox.client("dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys])
    return name


def test_items_of_every_type(sandbox: Sandbox, table: str) -> None:
    dynamodb = sandbox.client("dynamodb")
    item = {"PK": {"S": "ü"}, "SK": {"S": "b"}, "N": {"N": "1.5"}, "B": {"B": b"\x00\xff"}, "Z": {"NULL": True},
            "M": {"M": {"x": {"L": [{"BOOL": True}, {"S": ""}]}}}, "BS": {"BS": [b"1", b"\xfe"]}}
    dynamodb.put_item(TableName=table, Item=item)
    assert dynamodb.get_item(TableName=table, Key={"PK": {"S": "ü"}, "SK": {"S": "b"}})["Item"] == item
    assert "Item" not in dynamodb.get_item(TableName=table, Key={"PK": {"S": "x"}, "SK": {"S": "b"}})


def test_condition_that_fails(sandbox: Sandbox, table: str) -> None:
    dynamodb, key = sandbox.client("dynamodb"), {"PK": {"S": "a"}, "SK": {"S": "b"}}
    dynamodb.put_item(TableName=table, Item=key | {"SyncStatus": {"S": "RUNNING"}})
    update = {"TableName": table, "Key": key, "UpdateExpression": "SET SyncStatus = :new",
              "ConditionExpression": "SyncStatus = :old"}
    values = {":new": {"S": "QUEUED"}, ":old": {"S": "RUNNING"}}
    dynamodb.update_item(**update, ExpressionAttributeValues=values)
    assert refused(dynamodb.update_item, **update,
                   ExpressionAttributeValues=values) == "ConditionalCheckFailedException"
    assert refused(dynamodb.scan, TableName="none") == "ResourceNotFoundException"


def test_scan_pages_by_size_and_segments_share_no_item(sandbox: Sandbox, table: str) -> None:
    dynamodb = sandbox.client("dynamodb")
    for n in range(30):
        dynamodb.put_item(TableName=table, Item={"PK": {"S": f"u{n}"}, "SK": {"S": f"u{n}#BOT#{n}"},
                                                 "Filler": {"S": "x" * 100_000}})
    pages = list(dynamodb.get_paginator("scan").paginate(TableName=table))
    assert len(pages) >= 3 and sum(page["Count"] for page in pages) == 30
    seen = [item["PK"]["S"] for segment in range(3) for item in dynamodb.get_paginator("scan").paginate(
        TableName=table, Segment=segment, TotalSegments=3).build_full_result()["Items"]]
    assert sorted(seen) == sorted(f"u{n}" for n in range(30))
    none = list(dynamodb.get_paginator("scan").paginate(
        TableName=table, FilterExpression="contains(SK, :x)", ExpressionAttributeValues={":x": {"S": "#ALIAS#"}}))
    assert len(none) >= 3 and all(page["Items"] == [] for page in none)
