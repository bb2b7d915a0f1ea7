"""User pools: filters, pages, aliases, memberships."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from conftest import Sandbox, code


@pytest.fixture
def cognito(sandbox: Sandbox) -> Any:
    return sandbox.client("cognito-idp")


@pytest.fixture
def pool(cognito: Any) -> str:
    return str(cognito.create_user_pool(PoolName="test")["UserPool"]["Id"])


def create(cognito: Any, pool: str, *emails: str) -> list[str]:
    return [cognito.admin_create_user(UserPoolId=pool, Username=email)["User"]["Username"] for email in emails]


def filtered(cognito: Any, pool: str, text: str) -> list[str]:
    users = cognito.list_users(UserPoolId=pool, Filter=text)["Users"]
    return sorted(attribute["Value"] for user in users for attribute in user["Attributes"]
                  if attribute["Name"] == "email")


def test_filters(cognito: Any, pool: str) -> None:
    odd = ('q"uote@example.com', "back\\slash@example.com")
    names = create(cognito, pool, "ann@example.com", "anna@example.com", *odd)
    assert filtered(cognito, pool, 'email = "ann@example.com"') == ["ann@example.com"]
    assert filtered(cognito, pool, 'email ^= "ann"') == ["ann@example.com", "anna@example.com"]
    assert filtered(cognito, pool, 'email^="ann"') == ["ann@example.com", "anna@example.com"]
    assert filtered(cognito, pool, f'sub = "{names[1]}"') == ["anna@example.com"]
    assert filtered(cognito, pool, f'username = "{names[0]}"') == ["ann@example.com"]
    assert filtered(cognito, pool, 'email = "q\\"uote@example.com"') == ['q"uote@example.com']
    assert filtered(cognito, pool, 'email = "back\\\\slash@example.com"') == ["back\\slash@example.com"]
    assert len(filtered(cognito, pool, 'cognito:user_status = "force_change_password"')) == 4
    cognito.admin_disable_user(UserPoolId=pool, Username=names[0])
    assert filtered(cognito, pool, 'status = "Disabled"') == ["ann@example.com"]
    assert filtered(cognito, pool, 'email = "nobody@example.com"') == []


@pytest.mark.parametrize("text", ["email", "email = ann", 'email = "a"b"', 'email != "a"', 'custom:x = "a"',
                                  'email = "a" and email = "b"', 'email = "unclosed\\"'])
def test_bad_filters(cognito: Any, pool: str, text: str) -> None:
    with pytest.raises(ClientError) as excinfo:
        cognito.list_users(UserPoolId=pool, Filter=text)
    assert code(excinfo) == "InvalidParameterException"


@pytest.mark.parametrize("empty_pages", [False, True])
def test_pages_hold_every_user_once(sandbox: Sandbox, cognito: Any, pool: str, empty_pages: bool) -> None:
    names = create(cognito, pool, *(f"u{n}@example.com" for n in range(130)))
    sandbox.control("cognito-idp/empty_pages", on=empty_pages)
    pages = list(cognito.get_paginator("list_users").paginate(UserPoolId=pool))
    sandbox.control("cognito-idp/empty_pages", on=False)
    assert [len(page["Users"]) for page in pages] == ([60, 0, 60, 0, 10] if empty_pages else [60, 60, 10])
    assert sorted(user["Username"] for page in pages for user in page["Users"]) == sorted(names)


def test_pages_survive_removals_between_them(cognito: Any, pool: str) -> None:
    names = sorted(create(cognito, pool, *(f"u{n}@example.com" for n in range(5))))
    cognito.create_group(UserPoolId=pool, GroupName="g")
    for name in names:
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName="g", Username=name)
    first = cognito.list_users_in_group(UserPoolId=pool, GroupName="g", Limit=2)
    for user in first["Users"]:
        cognito.admin_remove_user_from_group(UserPoolId=pool, GroupName="g", Username=user["Username"])
    rest = cognito.list_users_in_group(UserPoolId=pool, GroupName="g", Limit=60, NextToken=first["NextToken"])
    assert [user["Username"] for user in first["Users"] + rest["Users"]] == names


def test_token_is_for_its_own_question(cognito: Any, pool: str) -> None:
    create(cognito, pool, "a@example.com", "b@example.com")
    token = cognito.list_users(UserPoolId=pool, Limit=1)["PaginationToken"]
    for wrong in ({"PaginationToken": "nonsense"}, {"PaginationToken": token, "Filter": 'email ^= "a"'}):
        with pytest.raises(ClientError) as excinfo:
            cognito.list_users(UserPoolId=pool, Limit=1, **wrong)
        assert code(excinfo) == "InvalidParameterException"


def test_attributes_to_get(cognito: Any, pool: str) -> None:
    create(cognito, pool, "a@example.com")
    users = cognito.list_users(UserPoolId=pool, AttributesToGet=["email"])["Users"]
    assert users[0]["Attributes"] == [{"Name": "email", "Value": "a@example.com"}]
    with pytest.raises(ClientError) as excinfo:
        cognito.list_users(UserPoolId=pool, AttributesToGet=["phone_number"])
    assert code(excinfo) == "InvalidParameterException"


def test_membership_is_idempotent_and_takes_aliases(cognito: Any, pool: str) -> None:
    name, = create(cognito, pool, "Ann@example.com")
    cognito.create_group(UserPoolId=pool, GroupName="g", Description="d")
    for spelling in (name, "Ann@example.com", "ann@EXAMPLE.com"):
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName="g", Username=spelling)
    groups = cognito.admin_list_groups_for_user(UserPoolId=pool, Username="ann@example.com")["Groups"]
    assert [(group["GroupName"], group["Description"]) for group in groups] == [("g", "d")]
    assert len(cognito.list_users_in_group(UserPoolId=pool, GroupName="g")["Users"]) == 1
    for _ in range(2):
        cognito.admin_remove_user_from_group(UserPoolId=pool, GroupName="g", Username=name)
    assert cognito.list_users_in_group(UserPoolId=pool, GroupName="g")["Users"] == []
    assert {item["Name"]: item["Value"] for item in
            cognito.admin_get_user(UserPoolId=pool, Username=name)["UserAttributes"]}["sub"] == name


def test_what_is_not_there(cognito: Any, pool: str) -> None:
    create(cognito, pool, "a@example.com")
    cognito.create_group(UserPoolId=pool, GroupName="g")
    cases = [
        (cognito.admin_add_user_to_group, {"GroupName": "g", "Username": "b@example.com"}, "UserNotFoundException"),
        (cognito.admin_add_user_to_group, {"GroupName": "h", "Username": "a@example.com"}, "ResourceNotFoundException"),
        (cognito.get_group, {"GroupName": "h"}, "ResourceNotFoundException"),
        (cognito.admin_get_user, {"Username": "x"}, "UserNotFoundException"),
        (cognito.create_group, {"GroupName": "g"}, "GroupExistsException"),
        (cognito.admin_create_user, {"Username": "a@example.com"}, "UsernameExistsException"),
        (cognito.admin_user_global_sign_out, {"Username": "x"}, "UserNotFoundException"),
    ]
    for method, params, wanted in cases:
        with pytest.raises(ClientError) as excinfo:
            method(UserPoolId=pool, **params)
        assert code(excinfo) == wanted
    with pytest.raises(ClientError) as excinfo:
        cognito.list_groups(UserPoolId="eu-west-3_AAAAAAAAA")
    assert code(excinfo) == "ResourceNotFoundException"


def test_group_limit_is_final(sandbox: Sandbox, cognito: Any, pool: str) -> None:
    sandbox.control("cognito-idp/group_limit", limit=1)
    cognito.create_group(UserPoolId=pool, GroupName="g")
    with pytest.raises(ClientError) as excinfo:
        cognito.create_group(UserPoolId=pool, GroupName="h")
    sandbox.control("cognito-idp/group_limit", limit=10_000)
    assert code(excinfo) == "LimitExceededException"


def test_sign_outs_are_known(sandbox: Sandbox, cognito: Any, pool: str) -> None:
    name, other = create(cognito, pool, "a@example.com", "b@example.com")
    cognito.admin_user_global_sign_out(UserPoolId=pool, Username="a@example.com")
    signed_out = sandbox.control("cognito-idp/sign_outs")
    assert name in signed_out and other not in signed_out
