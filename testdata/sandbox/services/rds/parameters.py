"""Cluster parameter groups, as far as they matter here: whether a cluster's WAL can be decoded.

rds.logical_replication is a static parameter: it holds from the next start of
the server on. With it, wal_level is logical, and here the master user becomes a
superuser as well: on RDS members of rds_superuser may create subscriptions, and
those of rds_replication may replicate, which plain PostgreSQL 15 grants to
superusers and to the attribute REPLICATION alone.
"""

from __future__ import annotations

from typing import Any

from service import AwsError, Call

from . import checks
from .base import LOGICAL, RdsBase

_FAMILY = "aurora-postgresql15"


class ParameterOperations(RdsBase):

    def CreateDBClusterParameterGroup(self, call: Call) -> dict[str, Any]:
        name = checks.identifier("DBClusterParameterGroupName", call.params["DBClusterParameterGroupName"], 255)
        if call.params["DBParameterGroupFamily"] != _FAMILY:
            raise checks.invalid(f"ParameterGroupFamily {call.params['DBParameterGroupFamily']} is not a valid family.")
        if name in self.parameter_groups:
            raise AwsError("DBParameterGroupAlreadyExistsFault", f"Parameter group {name} already exists")
        self.seed_parameter_group(name)
        return {"DBClusterParameterGroup": {
            "DBClusterParameterGroupName": name, "DBParameterGroupFamily": _FAMILY,
            "Description": call.params["Description"], "DBClusterParameterGroupArn": self.arn(f"cluster-pg:{name}")}}

    def ModifyDBClusterParameterGroup(self, call: Call) -> dict[str, Any]:
        name = call.params["DBClusterParameterGroupName"].lower()
        if name not in self.parameter_groups:
            raise AwsError("DBParameterGroupNotFoundFault", f"DBClusterParameterGroup not found: {name}")
        if name.startswith("default."):
            raise checks.invalid("Cannot modify a default parameter group.")
        changes = {}
        for parameter in call.params["Parameters"]:
            key, value = parameter.get("ParameterName"), parameter.get("ParameterValue")
            if key != LOGICAL:
                raise AwsError("NotImplemented", f"the sandbox knows no parameter but {LOGICAL}", 501)
            if value not in ("0", "1"):
                raise checks.invalid(f"Invalid parameter value: {value} for: {key} allowed values are: 0,1")
            if parameter.get("ApplyMethod", "immediate") != "pending-reboot":
                raise checks.combination("cannot use immediate apply method for static parameter")
            changes[key] = value
        self.parameter_groups[name].update(changes)
        return {"DBClusterParameterGroupName": name}
