"""Operations on tags and subnet groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service import Call

from . import checks
from .base import RdsBase
from .model import Cluster, Instance, Snapshot, SubnetGroup, describe_tags


class TagOperations(RdsBase):

    def AddTagsToResource(self, call: Call) -> None:
        tags = self._taggable(call.params["ResourceName"])
        tags.update(checks.tags(call.params["Tags"]))

    def RemoveTagsFromResource(self, call: Call) -> None:
        tags = self._taggable(call.params["ResourceName"])
        for key in call.params["TagKeys"]:
            tags.pop(key, None)

    def ListTagsForResource(self, call: Call) -> dict[str, Any]:
        return {"TagList": describe_tags(self._taggable(call.params["ResourceName"]))}

    def _taggable(self, arn: str) -> dict[str, str]:
        """The tags of the resource with this ARN, to be read or changed."""
        finders: dict[str, Callable[[str], Cluster | Instance | Snapshot | SubnetGroup]] = {
            "cluster": self.cluster, "db": self.instance, "cluster-snapshot": self.snapshot,
            "subgrp": self.subnet_group}
        parts = arn.split(":", 6)
        if len(parts) != 7 or parts[:3] != ["arn", "aws", "rds"] or parts[5] not in finders:
            raise checks.invalid(f"Invalid resource name: {arn}")
        return finders[parts[5]](parts[6]).tags

    def DescribeDBSubnetGroups(self, call: Call) -> dict[str, Any]:
        wanted = call.get("DBSubnetGroupName")
        found = [self.subnet_group(wanted)] if wanted else list(self.subnet_groups.values())
        found = checks.filtered(call, found, {})
        shown, marker = checks.paged(call, found, lambda group: group.name)
        return {"DBSubnetGroups": [group.describe() for group in shown], **marker}
