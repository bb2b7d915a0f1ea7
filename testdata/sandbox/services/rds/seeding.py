"""Clusters that are there from the start, made at once and without a request."""

from __future__ import annotations

import json
from typing import Any

from postgres import new_admin_password
from service import AwsError, random_id

from .clusters import ClusterOperations
from .model import AVAILABLE, UNENCRYPTED, Cluster, Encryption, Instance, Options

_SCALING = {"MinCapacity": 0.5, "MaxCapacity": 5.0}


class SeedMethods(ClusterOperations):

    def seed_cluster(self, identifier: str, password: str, key_arn: str | None = None, **options: Any) -> Cluster:
        """An available serverless cluster of version 15.3 with one instance, IDENTIFIER-writer.

        Encrypted under `key_arn`, or not at all, as clusters older than February 2026 may be.
        `options`: attributes of model.Options.
        """
        with self.lock:
            self.require_new_cluster(identifier)
            encryption = Encryption("sse-kms", key_arn) if key_arn else UNENCRYPTED
            chosen = Options(**{"scaling": dict(_SCALING), "http_endpoint": True, "copy_tags": True, **options})
            chosen.availability_zones = chosen.availability_zones or self.zones(chosen)
            cluster = self._add_cluster(identifier, "15.3", "postgres", encryption, chosen)
            cluster.database, cluster.new_password = "postgres", password
            member = Instance(
                identifier=f"{identifier}-writer", arn=self.arn(f"db:{identifier}-writer"),
                resource_id=f"db-{random_id(26)}", domain=self.domain, instance_class="db.serverless",
                cluster=cluster, writer=True, zone=chosen.availability_zones[0], minor_upgrades=False)
            self.instances[member.identifier] = member
        self.create_storage(cluster)
        self.serve(cluster)
        cluster.status = member.status = AVAILABLE
        return cluster

    def rotate_password(self, secret: str) -> str:
        """A rotation function for Secrets Manager: a new password for the cluster that the secret names."""
        content = json.loads(secret)
        with self.lock:
            found = [c for c in self.clusters.values() if c.endpoint == content["host"]]
        if not found or not found[0].server.running:
            raise AwsError("InvalidDBClusterStateFault", f"{content['host']} cannot be reached")
        content["password"] = new_admin_password()
        found[0].new_password = content["password"]
        self.serve(found[0])
        return json.dumps(content)
