"""Cognito user pools: users, groups, memberships, sign-outs.

A pool is as the application makes it: e-mail is the name to sign in with, so
that a native user's Username is a UUID equal to `sub`, and admin calls take the
e-mail as well. Federated users have names such as Google_123, and these alone.
"""

from __future__ import annotations

import re
import string
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from service import AwsError, Call, Service, World, now, random_id
from services.cognito_list import ListPage, TokenCodec, parse_filter

EXTERNAL = "EXTERNAL_PROVIDER"
_GROUPS_PER_USER = 100


@dataclass
class User:
    username: str
    attributes: dict[str, str]
    status: str
    enabled: bool = True
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    signed_out: datetime | None = None

    def value(self, name: str) -> str | None:
        """What a filter's attribute means for this user."""
        special = {"username": self.username, "cognito:user_status": self.status.lower(),
                   "status": "Enabled" if self.enabled else "Disabled"}
        return special.get(name, self.attributes.get(name))


@dataclass
class Group:
    name: str
    description: str | None = None
    precedence: int | None = None
    role_arn: str | None = None
    created: datetime = field(default_factory=now)
    modified: datetime = field(default_factory=now)
    members: set[str] = field(default_factory=set)


@dataclass
class Pool:
    pool_id: str
    name: str
    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    created: datetime = field(default_factory=now)


class Cognito(Service):
    name = "cognito-idp"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._pools: dict[str, Pool] = {}
        self._tokens = TokenCodec()
        self._group_limit = 10_000
        self._lag = timedelta()

    # Seeding

    def seed_pool(self, name: str) -> str:
        """Makes a user pool; returns its id."""
        pool_id = f"{self.world.settings.region}_{random_id(9, string.ascii_letters + string.digits)}"
        self._pools[pool_id] = Pool(pool_id, name)
        return pool_id

    def seed_user(self, pool_id: str, username: str | None = None, email: str | None = None,
                  status: str = "CONFIRMED", **more: Any) -> str:
        """Makes a user; returns its Username, a new UUID unless given.

        `more`: enabled (bool), attributes (dict, beside sub, email and email_verified).
        """
        sub = str(uuid.uuid4()) if username is None or status == EXTERNAL else username
        attributes = {"sub": more.get("sub", sub), **more.get("attributes", {})}
        if email is not None:
            attributes |= {"email": email, "email_verified": "false" if status == EXTERNAL else "true"}
        user = User(username or sub, attributes, status, more.get("enabled", True))
        self._pools[pool_id].users[user.username] = user
        return user.username

    def seed_group(self, pool_id: str, name: str, members: list[str] | None = None) -> None:
        """Makes a group with members by their Usernames."""
        self._pools[pool_id].groups[name] = Group(name, members=set(members or ()))

    # Users

    def ListUsers(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        matches = parse_filter(call.get("Filter", ""))
        visible = now() - self._lag
        users = [user for user in pool.users.values() if user.created <= visible and matches(user)]
        listed = self._tokens.page(users, lambda user: user.username, ListPage.of(call, "PaginationToken"))
        wanted = call.get("AttributesToGet")
        return {"Users": [_user(user, wanted) for user in listed.items], "PaginationToken": listed.token}

    def AdminGetUser(self, call: Call) -> dict[str, Any]:
        user = self._user(self._pool(call), call.params["Username"])
        described = _user(user, None)
        described["UserAttributes"] = described.pop("Attributes")
        return described

    def AdminCreateUser(self, call: Call) -> dict[str, Any]:
        pool, email = self._pool(call), call.params["Username"]
        if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", email):
            raise AwsError("InvalidParameterException", "Username should be an email.")
        if self._by_email(pool, email) is not None:
            raise AwsError("UsernameExistsException", "An account with the given email already exists.")
        attributes = {item["Name"]: item.get("Value", "") for item in call.get("UserAttributes", [])}
        username = self.seed_user(pool.pool_id, email=email, status="FORCE_CHANGE_PASSWORD", attributes=attributes)
        return {"User": _user(pool.users[username], None)}

    def AdminUpdateUserAttributes(self, call: Call) -> None:
        user = self._user(self._pool(call), call.params["Username"])
        changes = {item["Name"]: item.get("Value", "") for item in call.params["UserAttributes"]}
        if "sub" in changes:
            raise AwsError("InvalidParameterException", "Cannot modify the non-mutable attribute sub")
        user.attributes |= changes
        user.modified = now()

    def AdminDeleteUser(self, call: Call) -> None:
        pool = self._pool(call)
        user = self._user(pool, call.params["Username"])
        del pool.users[user.username]
        for group in pool.groups.values():
            group.members.discard(user.username)

    def AdminDisableUser(self, call: Call) -> None:
        self._set_enabled(call, False)

    def AdminEnableUser(self, call: Call) -> None:
        self._set_enabled(call, True)

    def AdminUserGlobalSignOut(self, call: Call) -> None:
        user = self._user(self._pool(call), call.params["Username"])
        user.signed_out = now()

    # Groups

    def ListGroups(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        return self._list_groups(pool, list(pool.groups.values()), call)

    def AdminListGroupsForUser(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        username = self._user(pool, call.params["Username"]).username
        return self._list_groups(pool, [group for group in pool.groups.values() if username in group.members], call)

    def ListUsersInGroup(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        members = [pool.users[name] for name in self._group(pool, call).members]
        listed = self._tokens.page(members, lambda user: user.username, ListPage.of(call, "NextToken"))
        return {"Users": [_user(user, None) for user in listed.items], "NextToken": listed.token}

    def GetGroup(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        return {"Group": _group(pool, self._group(pool, call))}

    def CreateGroup(self, call: Call) -> dict[str, Any]:
        pool, name = self._pool(call), call.params["GroupName"]
        if name in pool.groups:
            raise AwsError("GroupExistsException", "A group with the name already exists.")
        if len(pool.groups) >= self._group_limit:
            raise AwsError("LimitExceededException", "Exceeded the limit of groups in a user pool.")
        pool.groups[name] = Group(name, call.get("Description"), call.get("Precedence"), call.get("RoleArn"))
        return {"Group": _group(pool, pool.groups[name])}

    def UpdateGroup(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        group = self._group(pool, call)
        group.description = call.get("Description", group.description)
        group.precedence = call.get("Precedence", group.precedence)
        group.role_arn = call.get("RoleArn", group.role_arn)
        group.modified = now()
        return {"Group": _group(pool, group)}

    def DeleteGroup(self, call: Call) -> None:
        pool = self._pool(call)
        del pool.groups[self._group(pool, call).name]

    def AdminAddUserToGroup(self, call: Call) -> None:
        pool = self._pool(call)
        user, group = self._user(pool, call.params["Username"]), self._group(pool, call)
        held = sum(user.username in other.members for other in pool.groups.values())
        if user.username not in group.members and held >= _GROUPS_PER_USER:
            raise AwsError("LimitExceededException", "User is in the maximum number of groups.")
        group.members.add(user.username)

    def AdminRemoveUserFromGroup(self, call: Call) -> None:
        pool = self._pool(call)
        user, group = self._user(pool, call.params["Username"]), self._group(pool, call)
        group.members.discard(user.username)

    # Pools

    def ListUserPools(self, call: Call) -> dict[str, Any]:
        listed = self._tokens.page(list(self._pools.values()), lambda pool: pool.pool_id,
                                   ListPage(call.operation, call.params["MaxResults"], call.get("NextToken"), ""))
        return {"UserPools": [{"Id": pool.pool_id, "Name": pool.name, "CreationDate": pool.created,
                               "LastModifiedDate": pool.created} for pool in listed.items], "NextToken": listed.token}

    def DescribeUserPool(self, call: Call) -> dict[str, Any]:
        pool = self._pool(call)
        return {"UserPool": {"Id": pool.pool_id, "Name": pool.name, "Arn": self.arn(f"userpool/{pool.pool_id}"),
                             "CreationDate": pool.created, "LastModifiedDate": pool.created,
                             "UsernameAttributes": ["email"], "EstimatedNumberOfUsers": len(pool.users)}}

    def CreateUserPool(self, call: Call) -> dict[str, Any]:
        pool_id = self.seed_pool(call.params["PoolName"])
        described = Call(call.service, "DescribeUserPool", {"UserPoolId": pool_id}, call.account, call.region,
                         call.principal)
        return self.DescribeUserPool(described)

    # Control

    def control_empty_pages(self, args: dict[str, Any]) -> dict[str, Any]:
        """Whether each page but the first is preceded by an empty one with a token, as filters can make them."""
        self._tokens.empty_pages = bool(args["on"])
        return {}

    def control_lag(self, args: dict[str, Any]) -> dict[str, Any]:
        """How many seconds ListUsers is behind: it is eventually consistent."""
        self._lag = timedelta(seconds=float(args["seconds"]))
        return {}

    def control_group_limit(self, args: dict[str, Any]) -> dict[str, Any]:
        self._group_limit = int(args["limit"])
        return {}

    def control_sign_outs(self, args: dict[str, Any]) -> dict[str, Any]:
        """Who was signed out everywhere, and when."""
        return {user.username: user.signed_out for pool in self._pools.values() for user in pool.users.values()
                if user.signed_out is not None}

    # Within

    def _pool(self, call: Call) -> Pool:
        pool = self._pools.get(call.params["UserPoolId"])
        if pool is None:
            raise AwsError("ResourceNotFoundException", f"User pool {call.params['UserPoolId']} does not exist.")
        return pool

    def _user(self, pool: Pool, name: str) -> User:
        user = pool.users.get(name) or self._by_email(pool, name)
        if user is None:
            raise AwsError("UserNotFoundException", "User does not exist.")
        return user

    @staticmethod
    def _by_email(pool: Pool, email: str) -> User | None:
        """The native user with that alias. Federated users have none, whatever their e-mail."""
        return next((user for user in pool.users.values() if user.status != EXTERNAL
                     and user.attributes.get("email", "").lower() == email.lower()), None)

    @staticmethod
    def _group(pool: Pool, call: Call) -> Group:
        group = pool.groups.get(call.params["GroupName"])
        if group is None:
            raise AwsError("ResourceNotFoundException", "Group not found.")
        return group

    def _set_enabled(self, call: Call, enabled: bool) -> None:
        user = self._user(self._pool(call), call.params["Username"])
        user.enabled, user.modified = enabled, now()

    def _list_groups(self, pool: Pool, groups: list[Group], call: Call) -> dict[str, Any]:
        listed = self._tokens.page(groups, lambda group: group.name, ListPage.of(call, "NextToken"))
        return {"Groups": [_group(pool, group) for group in listed.items], "NextToken": listed.token}


def _user(user: User, wanted: list[str] | None) -> dict[str, Any]:
    names = sorted(user.attributes) if wanted is None else wanted
    for name in names:
        # AWS fails the whole page rather than leave an attribute out.
        if name not in user.attributes:
            raise AwsError("InvalidParameterException", f"One or more requested attributes do not exist: {name}")
    return {"Username": user.username, "UserStatus": user.status, "Enabled": user.enabled,
            "UserCreateDate": user.created, "UserLastModifiedDate": user.modified,
            "Attributes": [{"Name": name, "Value": user.attributes[name]} for name in names]}


def _group(pool: Pool, group: Group) -> dict[str, Any]:
    return {"GroupName": group.name, "UserPoolId": pool.pool_id, "Description": group.description,
            "RoleArn": group.role_arn, "Precedence": group.precedence,
            "CreationDate": group.created, "LastModifiedDate": group.modified}
