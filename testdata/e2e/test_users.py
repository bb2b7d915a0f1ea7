"""Users in their groups: who is meant, who is added, who is removed, and who is left alone."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from harness import Program, Sandbox, creators, username


def twins(sandbox: Sandbox) -> tuple[str, list[str]]:
    """The e-mail address that two users have, and both."""
    emails = [user["email"] for user in sandbox.summary["users"]]
    (email,) = {address for address in emails if emails.count(address) == 2}
    return email, sorted(user["username"] for user in sandbox.summary["users"] if user["email"] == email)


def specify(program: Program, group: str, members: list[Any], allow: list[str] | None = None, limits: Any = None,
            **options: Any) -> None:
    sections = {"limits": limits} if limits else {}
    program.specify(users={"groups": {group: {"members": members, **options}}}, allow=allow, **sections)


def make_group(sandbox: Sandbox, group: str, members: list[str]) -> None:
    cognito, pool = sandbox.client("cognito-idp"), sandbox.summary["pool"]
    cognito.create_group(UserPoolId=pool, GroupName=group)
    for member in members:
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName=group, Username=member)


def test_federated_users_are_named_by_their_user_names(program: Program, shared: Sandbox) -> None:
    federated = [user["username"] for user in shared.summary["users"] if user["username"].startswith("Google_")]
    specify(program, "federated", [federated[0], {"username": federated[1]}])
    program.apply()
    assert shared.members("federated") == set(federated[:2])
    program.plan()


def test_two_users_with_one_address(program: Program, shared: Sandbox) -> None:
    """Neither is guessed, the others are added; with a user name it is clear who is meant."""
    email, both = twins(shared)
    other = creators(shared, 1)[0]
    specify(program, "twins", [email, other])
    outcome = program.apply(expect=2)
    (blocked,) = outcome.actions("blocked")
    assert all(name in str(blocked) for name in both)
    assert shared.members("twins") == {username(shared, other)}

    specify(program, "twins", [{"username": both[0]}, other])
    program.apply()
    assert shared.members("twins") == {both[0], username(shared, other)}
    program.plan()


def test_nobody_answers_to_a_name(program: Program, shared: Sandbox) -> None:
    other = creators(shared, 1)[0]
    specify(program, "nobody", ["nobody@example.com", other])
    outcome = program.apply(expect=2)
    assert [action["id"] for action in outcome.actions("blocked")] == ["users/nobody/add/nobody@example.com"]
    assert shared.members("nobody") == {username(shared, other)}


def test_addresses_are_compared_without_regard_to_case(program: Program, shared: Sandbox) -> None:
    email = creators(shared, 1)[0]
    make_group(shared, "case", [username(shared, email)])
    shared.forget()
    specify(program, "case", [email.upper()])
    program.plan()


def test_others_stay_unless_the_group_is_exclusive(program: Program, shared: Sandbox) -> None:
    stays, comes = creators(shared, 2)
    make_group(shared, "open", [username(shared, stays)])
    specify(program, "open", [comes])
    program.apply()
    assert shared.members("open") == {username(shared, stays), username(shared, comes)}


def test_exclusive_removes_within_the_limit(program: Program, shared: Sandbox) -> None:
    people = creators(shared, 5)
    names = {username(shared, email) for email in people}
    make_group(shared, "exclusive", sorted(names))
    keep = people[:4]
    specify(program, "exclusive", keep, exclusive=True)
    outcome = program.apply(expect=2)
    assert "remove-members" in outcome.out and shared.members("exclusive") == names

    specify(program, "exclusive", keep[:3], allow=["remove-members"], limits={"removals": "20%"}, exclusive=True)
    outcome = program.apply(expect=2)
    assert "limits.removals" in outcome.out and shared.members("exclusive") == names, "two are more than a fifth"

    specify(program, "exclusive", keep, allow=["remove-members"], limits={"removals": "20%"}, exclusive=True)
    program.apply()
    assert shared.members("exclusive") == {username(shared, email) for email in keep}
    program.plan()


def test_more_changes_than_the_limit_are_none(program: Program, shared: Sandbox) -> None:
    specify(program, "limited", creators(shared, 4), limits={"changes": 3})
    shared.forget()
    outcome = program.apply(expect=2)
    assert {action["state"] for action in outcome.actions()} == {"blocked"}
    assert shared.calls()["mutating"] == 0


def test_members_from_a_file(program: Program, shared: Sandbox) -> None:
    one, two = creators(shared, 2)
    program.write("creators.txt", f"# who may create bots\n{one}\n\n{two}  # from next week\n")
    program.specify(users={"groups": {"filed": {"membersFrom": "creators.txt"}}})
    program.apply()
    assert shared.members("filed") == {username(shared, one), username(shared, two)}


def signed_out(sandbox: Sandbox) -> set[str]:
    return set(sandbox.control("cognito-idp/sign_outs"))


def test_whoever_is_added_is_signed_out_and_nobody_else(program: Program, shared: Sandbox) -> None:
    """Each behind his own addition: one that fails, or a word that is missing, keeps nobody from the group."""
    there, comes, later, *others = creators(shared, 5)
    names = {email: username(shared, email) for email in (there, comes, later, *others)}
    make_group(shared, "out", [names[there]])
    specify(program, "out", [there, comes], signOut=True)
    outcome = program.apply(expect=2)
    assert [action["state"] for action in outcome.actions()] == ["done", "blocked"]
    assert "sign-out-users" in outcome.out and not signed_out(shared)
    assert shared.members("out") == {names[there], names[comes]}

    program.json("plan", "spec.yaml")
    specify(program, "out", [there, comes, later, "nobody@example.com"], signOut=True, allow=["sign-out-users"])
    outcome = program.apply(expect=2)
    states = {action["id"]: action["state"] for action in outcome.actions()}
    assert states == {"users/out/add/nobody@example.com": "blocked", f"users/out/add/{later}": "done",
                      f"users/out/sign-out/{later}": "done"}
    assert signed_out(shared) == {names[later]}
    until = outcome.actions("done")[1]["reason"].split("until ")[1].split(",")[0]
    left = datetime.fromisoformat(until) - datetime.now(timezone.utc)
    assert timedelta(hours=23) < left <= timedelta(hours=24)

    # Nobody is signed out whose addition did not come about.
    shared.control("deny", operation="cognito-idp:AdminAddUserToGroup")
    specify(program, "out", [there, comes, later, *others], signOut=True, allow=["sign-out-users"])
    outcome = program.apply(expect=1)
    assert {action["state"] for action in outcome.actions() if action["verb"] == "sign-out"} == {"skipped"}
    assert signed_out(shared) == {names[later]}
    shared.control("clear")
    program.apply()
    assert signed_out(shared) == {names[email] for email in (later, *others)}
    shared.forget()
    program.plan()
