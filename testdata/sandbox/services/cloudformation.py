"""CloudFormation: stacks with outputs, exports and imports, as other stacks see them.

Stacks are seeded, not built from templates: the sandbox stands for deployments
that are there already. They can be deleted, which takes time and fails as long
as another stack imports what they export. The application's own is updated by
deployment.py.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service import AwsError, Call, Service, World, now, token_page

PAGE = 100

# What becomes of a resource's own service when its stack deletes it: service and method. Others are only names.
_REMOVALS = {"AWS::ApiGateway::ApiKey": ("apigateway", "remove_key"),
             "AWS::ApiGateway::UsagePlan": ("apigateway", "remove_usage_plan")}


@dataclass
class Resource:
    logical_id: str
    physical_id: str
    kind: str
    status: str = "CREATE_COMPLETE"
    updated: datetime = field(default_factory=now)


@dataclass
class Stack:
    name: str
    stack_id: str
    outputs: dict[str, str]
    exports: dict[str, str]             # key of an output: name of its export
    imports: list[str]
    resources: list[Resource]
    status: str = "CREATE_COMPLETE"
    reason: str | None = None
    created: datetime = field(default_factory=now)
    updated: datetime | None = None
    deleted: datetime | None = None
    protected: bool = False
    parameters: dict[str, str] = field(default_factory=dict)
    retained: set[str] = field(default_factory=set)             # logical ids of what its deletion leaves
    undeletable: dict[str, str] = field(default_factory=dict)   # logical id of a resource: why it cannot be deleted
    events: list[dict[str, Any]] = field(default_factory=list)


class CloudFormation(Service):
    name = "cloudformation"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._stacks: list[Stack] = []

    def seed_stack(self, name: str, outputs: dict[str, str], resources: list[dict[str, str]],
                   exports: dict[str, str] | None = None, **more: Any) -> str:
        """Makes a stack; returns its id.

        `resources`: LogicalResourceId, PhysicalResourceId, ResourceType of each. `exports`: the export's name for
        keys of `outputs`. `more`: imports (names of exports), parameters, protected, retained (logical ids of
        resources whose DeletionPolicy is Retain).
        """
        stack_id = self.arn(f"stack/{name}/{uuid.uuid4()}")
        made = [Resource(item["LogicalResourceId"], item["PhysicalResourceId"], item["ResourceType"])
                for item in resources]
        stack = Stack(name, stack_id, dict(outputs), dict(exports or {}), list(more.get("imports", ())), made,
                      protected=more.get("protected", False), parameters=dict(more.get("parameters", {})),
                      retained=set(more.get("retained", ())))
        for resource in made:
            _note(stack, resource.logical_id, resource.physical_id, resource.kind, resource.status)
        _note_stack(stack, "CREATE_COMPLETE")
        self._stacks.append(stack)
        return stack_id

    @staticmethod
    def require_updatable(stack: Stack) -> None:
        if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
            raise AwsError("ValidationError", f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")

    def begin_update(self, stack: Stack) -> None:
        """deployment.py says what becomes of it."""
        stack.updated = now()
        self.set_status(stack, "UPDATE_IN_PROGRESS", "User Initiated")

    def note(self, stack: Stack, resource: Resource, status: str, reason: str | None = None) -> None:
        """The resource's status, with its event."""
        resource.status, resource.updated = status, now()
        _note(stack, resource.logical_id, resource.physical_id, resource.kind, status, reason)

    def note_new(self, stack: Stack, logical_id: str, physical_id: str, kind: str) -> None:
        """A resource that the stack has from now on, if it had none of that name."""
        if not any(resource.logical_id == logical_id for resource in stack.resources):
            stack.resources.append(Resource(logical_id, physical_id, kind))
        _note(stack, logical_id, physical_id, kind, "CREATE_COMPLETE")

    def DescribeStacks(self, call: Call) -> dict[str, Any]:
        if "StackName" in call.params:
            return {"Stacks": [_described(self.find(call.params["StackName"]))]}
        stacks, token = self._page(self._alive(), lambda stack: stack.stack_id, call)
        return {"Stacks": [_described(stack) for stack in stacks], "NextToken": token}

    def ListStacks(self, call: Call) -> dict[str, Any]:
        wanted = call.get("StackStatusFilter")
        chosen = [stack for stack in self._stacks if not wanted or stack.status in wanted]
        stacks, token = self._page(chosen, lambda stack: stack.stack_id, call)
        return {"StackSummaries": [_summary(stack) for stack in stacks], "NextToken": token}

    def ListStackResources(self, call: Call) -> dict[str, Any]:
        stack = self.find(call.params["StackName"])
        resources, token = self._page(stack.resources, lambda resource: resource.logical_id, call)
        return {"StackResourceSummaries": [
            {"LogicalResourceId": resource.logical_id, "PhysicalResourceId": resource.physical_id,
             "ResourceType": resource.kind, "ResourceStatus": resource.status,
             "LastUpdatedTimestamp": resource.updated} for resource in resources], "NextToken": token}

    def DescribeStackResources(self, call: Call) -> dict[str, Any]:
        if "StackName" not in call.params:
            raise AwsError("ValidationError", "StackName is required here")
        stack, logical = self.find(call.params["StackName"]), call.get("LogicalResourceId")
        chosen = [resource for resource in stack.resources if logical in (None, resource.logical_id)]
        # 100 at most, without pages: one reason to use ListStackResources.
        return {"StackResources": [
            {"StackName": stack.name, "StackId": stack.stack_id, "LogicalResourceId": resource.logical_id,
             "PhysicalResourceId": resource.physical_id, "ResourceType": resource.kind,
             "ResourceStatus": resource.status, "Timestamp": resource.updated} for resource in chosen[:PAGE]]}

    def DescribeStackEvents(self, call: Call) -> dict[str, Any]:
        stack = self.find(call.params["StackName"])
        # Newest first: events that come between two pages belong before both.
        numbered = list(enumerate(stack.events))
        events, token = self._page(numbered, lambda item: f"{10 ** 9 - item[0]:010}", call)
        return {"StackEvents": [event for _, event in events], "NextToken": token}

    def ListExports(self, call: Call) -> dict[str, Any]:
        found = [{"ExportingStackId": stack.stack_id, "Name": name, "Value": stack.outputs[key]}
                 for stack in self._alive() for key, name in stack.exports.items()]
        exports, token = self._page(found, lambda export: export["Name"], call)
        return {"Exports": exports, "NextToken": token}

    def ListImports(self, call: Call) -> dict[str, Any]:
        name = call.params["ExportName"]
        importers = self.importers(name)
        if not importers:
            raise AwsError("ValidationError", f"Export '{name}' is not imported by any stack.")
        names, token = self._page(importers, str, call)
        return {"Imports": names, "NextToken": token}

    def DeleteStack(self, call: Call) -> None:
        name = call.params["StackName"]
        stack = next((stack for stack in self._alive() if name in (stack.name, stack.stack_id)), None)
        # To delete what is not there is no error.
        if stack is None or stack.status == "DELETE_IN_PROGRESS":
            return
        retained = set(call.get("RetainResources", ()))
        if retained and stack.status != "DELETE_FAILED":
            raise AwsError("ValidationError", f"Invalid operation on stack [{stack.stack_id}]. When you delete a stack, "
                                              f"specify which resources to retain only when the stack is in the "
                                              f"DELETE_FAILED state.")
        if stack.protected:
            raise AwsError("ValidationError", f"Stack [{stack.name}] cannot be deleted while TerminationProtection is "
                                              f"enabled")
        stack.retained |= retained
        self.set_status(stack, "DELETE_IN_PROGRESS", "User Initiated")
        timer = threading.Timer(self.world.settings.seconds, self._finish_delete, (stack,))
        timer.daemon = True
        timer.start()

    def control_stack(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes a stack, with what seed_stack takes."""
        return {"id": self.seed_stack(**args)}

    def control_protect(self, args: dict[str, Any]) -> dict[str, Any]:
        self.find(args["stack"]).protected = bool(args["on"])
        return {}

    def control_undeletable(self, args: dict[str, Any]) -> dict[str, Any]:
        """Has a stack's resource (its logical id) refuse to be deleted for a reason, or, without one, give way."""
        stack = self.find(args["stack"])
        if args["resource"] not in [resource.logical_id for resource in stack.resources]:
            raise ValueError(f"{stack.name} has no resource {args['resource']}")
        stack.undeletable.pop(args["resource"], None)
        if args.get("reason"):
            stack.undeletable[args["resource"]] = args["reason"]
        return {}

    def control_status(self, args: dict[str, Any]) -> dict[str, Any]:
        """Puts a stack into any status, as when somebody deploys at the same time."""
        self.set_status(self.find(args["stack"]), args["status"], args.get("reason"))
        return {}

    def _finish_delete(self, stack: Stack) -> None:
        with self.lock:
            held = [(name, self.importers(name)) for name in stack.exports.values()]
            blocking = next(((name, users) for name, users in held if users), None)
            if blocking is not None:
                name, users = blocking
                self.set_status(stack, "DELETE_FAILED", f"Export {name} cannot be deleted as it is in use by "
                                                         f"{', '.join(users)}")
                return
            failed = [resource.logical_id for resource in reversed(stack.resources)
                      if not self._delete_resource(stack, resource)]
            if failed:
                self.set_status(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: "
                                                         f"[{', '.join(failed)}]. ")
                return
            stack.deleted = now()
            self.set_status(stack, "DELETE_COMPLETE")

    def _delete_resource(self, stack: Stack, resource: Resource) -> bool:
        """False where it refuses. What is gone stays gone, and is not deleted again."""
        if resource.status == "DELETE_COMPLETE":
            return True
        if resource.logical_id in stack.retained:
            self.note(stack, resource, "DELETE_SKIPPED")
            return True
        self.note(stack, resource, "DELETE_IN_PROGRESS")
        reason = stack.undeletable.get(resource.logical_id)
        if reason is not None:
            self.note(stack, resource, "DELETE_FAILED", reason)
            return False
        if resource.kind in _REMOVALS:
            service, method = _REMOVALS[resource.kind]
            getattr(self.world.service(service), method)(resource.physical_id)
        self.note(stack, resource, "DELETE_COMPLETE")
        return True

    def _alive(self) -> list[Stack]:
        return [stack for stack in self._stacks if stack.deleted is None]

    def find(self, name: str) -> Stack:
        """By name while it lives, by id for ever."""
        for stack in self._stacks:
            if name == stack.stack_id or (name == stack.name and stack.deleted is None):
                return stack
        raise AwsError("ValidationError", f"Stack with id {name} does not exist")

    def importers(self, export: str) -> list[str]:
        return [stack.name for stack in self._alive() if export in stack.imports]

    @staticmethod
    def _page(items: list[Any], key: Callable[..., str], call: Call) -> tuple[list[Any], str | None]:
        refusal = AwsError("ValidationError", "The specified NextToken is not valid")
        return token_page(items, key, PAGE, call.get("NextToken"), refusal)

    @staticmethod
    def set_status(stack: Stack, status: str, reason: str | None = None) -> None:
        stack.status, stack.reason = status, reason
        _note_stack(stack, status, reason)


def _note_stack(stack: Stack, status: str, reason: str | None = None) -> None:
    _note(stack, stack.name, stack.stack_id, "AWS::CloudFormation::Stack", status, reason)


def _note(stack: Stack, logical_id: str, physical_id: str, kind: str, status: str, reason: str | None = None) -> None:
    stack.events.append({"StackId": stack.stack_id, "StackName": stack.name, "EventId": str(uuid.uuid4()),
                         "LogicalResourceId": logical_id, "PhysicalResourceId": physical_id, "ResourceType": kind,
                         "ResourceStatus": status, "Timestamp": now(),
                         **({"ResourceStatusReason": reason} if reason is not None else {})})


def _described(stack: Stack) -> dict[str, Any]:
    outputs = [{"OutputKey": key, "OutputValue": value, "ExportName": stack.exports.get(key)}
               for key, value in stack.outputs.items()]
    return {"StackId": stack.stack_id, "StackName": stack.name, "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted, "StackStatus": stack.status,
            "StackStatusReason": stack.reason, "Outputs": outputs, "DisableRollback": False,
            "EnableTerminationProtection": stack.protected, "NotificationARNs": [], "Tags": [],
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()]}


def _summary(stack: Stack) -> dict[str, Any]:
    return {"StackId": stack.stack_id, "StackName": stack.name, "CreationTime": stack.created,
            "LastUpdatedTime": stack.updated, "DeletionTime": stack.deleted, "StackStatus": stack.status,
            "StackStatusReason": stack.reason}
