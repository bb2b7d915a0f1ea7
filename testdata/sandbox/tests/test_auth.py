"""Who is let in, and the errors of those who are not, in each protocol's shape."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from conftest import Sandbox, code

# service, a call that needs nothing to be there, and what it raises for whom
CALLS = {
    "sts": lambda client: client.get_caller_identity(),
    "cloudformation": lambda client: client.list_stacks(),
    "kms": lambda client: client.list_aliases(),
    "cognito-idp": lambda client: client.list_user_pools(MaxResults=1),
    "secretsmanager": lambda client: client.list_secrets(),
    "dynamodb": lambda client: client.list_tables(),
    "rds": lambda client: client.describe_db_clusters(),
}
QUERY = ("sts", "cloudformation", "rds")


def expected(service: str, query_code: str, json_code: str) -> tuple[str, int]:
    return (query_code, 403) if service in QUERY else (json_code, 400)


def refusal(service: str, client: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as excinfo:
        CALLS[service](client)
    return code(excinfo), excinfo.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize("service", CALLS)
def test_known_key_is_let_in(sandbox: Sandbox, service: str) -> None:
    assert CALLS[service](sandbox.client(service))["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("service", CALLS)
def test_wrong_secret(sandbox: Sandbox, service: str) -> None:
    session = sandbox.session_for(sandbox.state["access_key"], "wrong")
    assert refusal(service, sandbox.client(service, session)) == expected(
        service, "SignatureDoesNotMatch", "InvalidSignatureException")


@pytest.mark.parametrize("service", CALLS)
def test_unknown_key(sandbox: Sandbox, service: str) -> None:
    session = sandbox.session_for("AKIAIOSFODNN7EXAMPLE", "x")
    assert refusal(service, sandbox.client(service, session)) == expected(
        service, "InvalidClientTokenId", "UnrecognizedClientException")


@pytest.mark.parametrize("service", CALLS)
def test_no_signature(sandbox: Sandbox, service: str) -> None:
    from botocore import UNSIGNED
    assert refusal(service, sandbox.client(service, signature_version=UNSIGNED)) == expected(
        service, "MissingAuthenticationToken", "MissingAuthenticationTokenException")


@pytest.mark.parametrize("offset", [-400, 400])
@pytest.mark.parametrize("service", ["sts", "kms"])
def test_clock_skew(sandbox: Sandbox, service: str, offset: int) -> None:
    sandbox.control("clock", offset=offset)
    assert refusal(service, sandbox.client(service)) == expected(
        service, "SignatureDoesNotMatch", "InvalidSignatureException")


def test_small_skew_is_tolerated(sandbox: Sandbox) -> None:
    sandbox.control("clock", offset=240)
    assert sandbox.client("sts").get_caller_identity()["Account"] == sandbox.state["account"]


def test_wrong_region(sandbox: Sandbox) -> None:
    import boto3
    session = boto3.Session(sandbox.state["access_key"], sandbox.state["secret_key"], None, "us-west-2")
    assert refusal("kms", sandbox.client("kms", session))[0] == "InvalidSignatureException"


def test_role_needs_to_exist_and_its_external_id(sandbox: Sandbox) -> None:
    sts = sandbox.client("sts")
    arn = sandbox.control("sts/role", name="with-id", external_id="secret-id")["arn"]
    for wrong in ({"RoleArn": arn}, {"RoleArn": arn, "ExternalId": "other"},
                  {"RoleArn": arn + "x", "ExternalId": "secret-id"}):
        with pytest.raises(ClientError) as excinfo:
            sts.assume_role(RoleSessionName="test", **wrong)
        assert code(excinfo) == "AccessDenied"
    assert sts.assume_role(RoleArn=arn, RoleSessionName="test", ExternalId="secret-id")["Credentials"]


def assume(sandbox: Sandbox, name: str) -> Any:
    arn = sandbox.control("sts/role", name=name)["arn"]
    given = sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]


def test_temporary_credentials_need_their_token_and_expire(sandbox: Sandbox) -> None:
    key, secret, token = assume(sandbox, "temporary")
    session = sandbox.session_for(key, secret, token)
    identity = sandbox.client("sts", session).get_caller_identity()
    assert identity["Arn"].endswith(":assumed-role/temporary/test")
    for wrong in (None, token + "x"):
        other = sandbox.session_for(key, secret, wrong)
        assert refusal("kms", sandbox.client("kms", other))[0] == "UnrecognizedClientException"
    sandbox.control("sts/expire")
    assert refusal("kms", sandbox.client("kms", session)) == ("ExpiredTokenException", 400)
    assert refusal("sts", sandbox.client("sts", session)) == ("ExpiredToken", 403)


def test_chained_role_lasts_an_hour_at_most(sandbox: Sandbox) -> None:
    session = sandbox.session_for(*assume(sandbox, "first"))
    arn = sandbox.control("sts/role", name="second", max_seconds=43200)["arn"]
    with pytest.raises(ClientError) as excinfo:
        sandbox.client("sts", session).assume_role(RoleArn=arn, RoleSessionName="test", DurationSeconds=7200)
    assert code(excinfo) == "ValidationError"
    assert sandbox.client("sts").assume_role(RoleArn=arn, RoleSessionName="test", DurationSeconds=7200)


def test_the_policy_simulator_says_what_is_denied(sandbox: Sandbox) -> None:
    iam, arn = sandbox.client("iam"), sandbox.client("sts").get_caller_identity()["Arn"]
    sandbox.control("deny", operation="rds:Delete*")
    sandbox.control("deny", operation="rds:DeleteDBCluster", explicit=True)
    actions = ["rds:DescribeDBClusters", "rds:DeleteDBInstance", "rds:DeleteDBCluster"]
    pages = list(iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=actions, ResourceArns=["arn:aws:rds:eu-west-3:123456789012:cluster:a", "*"],
        PaginationConfig={"PageSize": 2}))
    assert len(pages) == 3
    found = [(result["EvalActionName"], result["EvalDecision"]) for page in pages for result in page["EvaluationResults"]]
    assert found == [(action, decision) for action, decision
                     in zip(actions, ("allowed", "implicitDeny", "explicitDeny")) for _ in range(2)]
    with pytest.raises(ClientError, match="explicit deny"):
        sandbox.client("rds").delete_db_cluster(DBClusterIdentifier="a")


def test_the_policy_simulator_knows_users_and_roles_but_no_sessions(sandbox: Sandbox) -> None:
    iam = sandbox.client("iam")
    arn = sandbox.control("sts/role", name="team/simulated")["arn"]
    assert iam.get_role(RoleName="simulated")["Role"]["Arn"] == arn
    assert iam.get_role(RoleName="simulated")["Role"]["Path"] == "/team/"
    iam.simulate_principal_policy(PolicySourceArn=arn, ActionNames=["rds:DescribeDBClusters"])
    for wrong, expected in ((arn.replace("team/", ""), "NoSuchEntity"),
                            ("arn:aws:sts::123456789012:assumed-role/simulated/one", "InvalidInput")):
        with pytest.raises(ClientError) as excinfo:
            iam.simulate_principal_policy(PolicySourceArn=wrong, ActionNames=["rds:DescribeDBClusters"])
        assert code(excinfo) == expected


def test_web_identity_is_not_signed(sandbox: Sandbox) -> None:
    arn = sandbox.control("sts/role", name="pod", web_identity_token="t" * 40)["arn"]
    sts = sandbox.client("sts")
    given = sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="pod", WebIdentityToken="t" * 40)
    assert given["AssumedRoleUser"]["Arn"].endswith(":assumed-role/pod/pod")
    with pytest.raises(ClientError) as excinfo:
        sts.assume_role_with_web_identity(RoleArn=arn, RoleSessionName="pod", WebIdentityToken="u" * 40)
    assert code(excinfo) == "InvalidIdentityToken"


def credentials(sandbox: Sandbox) -> Credentials:
    return Credentials(sandbox.state["access_key"], sandbox.state["secret_key"])


def send(request: AWSRequest) -> tuple[int, bytes]:
    """Sends a request as it is, with nothing added that is signed."""
    prepared = request.prepare()
    plain = urllib.request.Request(prepared.url, prepared.body or None, dict(prepared.headers), method=prepared.method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(plain) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_presigned_url(sandbox: Sandbox) -> None:
    url = f"{sandbox.state['url']}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest("GET", url)
    SigV4QueryAuth(credentials(sandbox), "sts", sandbox.state["region"], expires=60).add_auth(request)
    status, body = send(request)
    assert (status, b"<Arn>arn:aws:iam::" in body) == (200, True)
    request.url = request.url.replace("GetCallerIdentity", "GetSessionToken")
    assert send(request)[0] == 403


def signed_request(sandbox: Sandbox, body: str = "{}") -> AWSRequest:
    headers = {"X-Amz-Target": "TrentService.ListAliases", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", sandbox.state["url"] + "/", headers=headers, data=body.encode())
    SigV4Auth(credentials(sandbox), "kms", sandbox.state["region"]).add_auth(request)
    return request


def test_changed_body_or_target_is_noticed(sandbox: Sandbox) -> None:
    assert send(signed_request(sandbox))[0] == 200
    changed = signed_request(sandbox)
    changed.data = b'{"Limit": 1}'
    assert b"InvalidSignatureException" in send(changed)[1]
    changed = signed_request(sandbox)
    changed.headers.replace_header("X-Amz-Target", "TrentService.CreateKey")
    assert b"InvalidSignatureException" in send(changed)[1]


def test_unsigned_amz_header_is_refused(sandbox: Sandbox) -> None:
    request = signed_request(sandbox)
    request.headers["X-Amz-Added"] = "later"
    assert b"must be a 'SignedHeader'" in send(request)[1]


@pytest.mark.parametrize("header", ["", "AWS4-HMAC-SHA256 Credential=x", "Bearer abc",
                                    "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=1"])
def test_malformed_header(sandbox: Sandbox, header: str) -> None:
    request = signed_request(sandbox)
    request.headers.replace_header("Authorization", header)
    status, body = send(request)
    assert status == 400 and b"IncompleteSignatureException" in body


def test_unknown_operation_and_nowhere(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as excinfo:
        sandbox.client("kms").list_grants(KeyId="x")
    assert code(excinfo) == "UnknownOperationException"
    with pytest.raises(ClientError) as excinfo:
        sandbox.client("cloudformation").list_types()
    assert code(excinfo) == "InvalidAction"
    status, body = send(AWSRequest("GET", sandbox.state["url"] + "/favicon.ico"))
    assert (status, body) == (404, b"<UnknownOperationException/>\n")
