"""Control commands: what a test may do to RDS that a client of AWS may not."""

from __future__ import annotations

from typing import Any

import postgres

from .base import RdsBase
from .model import Cluster

_RESTORE_ENDINGS = ("failed", "incompatible-restore")


class ControlCommands(RdsBase):

    def control_seconds(self, args: dict[str, Any]) -> dict[str, Any]:
        """How long each transition takes from now on: {"seconds": S}."""
        seconds = float(args["seconds"])
        if not 0 <= seconds <= 3600:
            raise ValueError("seconds must be in 0-3600")
        self.world.settings.seconds = seconds
        return {"seconds": seconds}

    def control_list(self, args: dict[str, Any]) -> dict[str, Any]:
        """Every cluster with what is behind it."""
        return {"clusters": [self._locate(cluster) for cluster in self.clusters.values()]}

    def _locate(self, cluster: Cluster) -> dict[str, Any]:
        server = cluster.server
        return {"cluster": cluster.identifier, "resource_id": cluster.resource_id, "status": cluster.status,
                "endpoint": cluster.endpoint, "port": server.port, "running": server.running,
                "master": cluster.master_username, "data": str(server.data), "log": str(server.log),
                "members": [member.identifier for member in self.members(cluster)]}

    def control_connection(self, args: dict[str, Any]) -> dict[str, Any]:
        """What psql needs for the sandbox's own session on {"cluster": ID}."""
        cluster = self.cluster(args["cluster"])
        return {"PGHOST": cluster.endpoint, "PGHOSTADDR": "127.0.0.1", "PGPORT": str(cluster.server.port),
                "PGUSER": postgres.ADMIN, "PGPASSWORD": self._admin_password, "PGDATABASE": "postgres",
                "PGSSLMODE": "require", "PGAPPNAME": postgres.OWN_SESSIONS}

    def control_fail_restore(self, args: dict[str, Any]) -> dict[str, Any]:
        """The next restore ends so: {"status": "failed" | "incompatible-restore"}."""
        status = args.get("status", _RESTORE_ENDINGS[0])
        if status not in _RESTORE_ENDINGS:
            raise ValueError(f"status must be one of {', '.join(_RESTORE_ENDINGS)}")
        self.failing_restores.append(status)
        return {"failing": self.failing_restores}

    def control_stick(self, args: dict[str, Any]) -> dict[str, Any]:
        """Nothing leaves this status any more, until it is released: {"status": S}."""
        self.stuck.add(str(args["status"]))
        return {"stuck": sorted(self.stuck)}

    def control_release(self, args: dict[str, Any]) -> dict[str, Any]:
        """Lets go of {"status": S}, or of all statuses."""
        self.stuck -= {args["status"]} if "status" in args else set(self.stuck)
        return {"stuck": sorted(self.stuck)}

    def control_quota(self, args: dict[str, Any]) -> dict[str, Any]:
        """{"clusters": N, "instances": N, "snapshots": N}, each optional."""
        if not set(args) <= set(self.quotas):
            raise ValueError(f"quotas are {', '.join(self.quotas)}")
        self.quotas.update({kind: int(number) for kind, number in args.items()})
        return dict(self.quotas)

    def control_stop_server(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes the database of {"cluster": ID} unreachable, while its status says nothing of it."""
        cluster = self.cluster(args["cluster"])
        cluster.cut_off = True
        cluster.server.stop()
        return self._locate(cluster)

    def control_start_server(self, args: dict[str, Any]) -> dict[str, Any]:
        """Makes it reachable again."""
        cluster = self.cluster(args["cluster"])
        cluster.cut_off = False
        if any(member.status == "available" for member in self.members(cluster)):
            self.serve(cluster)
        return self._locate(cluster)

    def control_certificate(self, args: dict[str, Any]) -> dict[str, Any]:
        """Serves a flawed certificate (tls.FLAWS) or, without one, a sound one: {"cluster": ID, "flaw": F}."""
        cluster = self.cluster(args["cluster"])
        cluster.flaw = args.get("flaw")
        self.present(cluster)
        return self._locate(cluster)

    def control_configure(self, args: dict[str, Any]) -> dict[str, Any]:
        """Gives the server settings, such as wal_level, and restarts it: {"cluster": ID, "settings": {…}}."""
        cluster = self.cluster(args["cluster"])
        cluster.configured |= {str(k): str(v) for k, v in args["settings"].items()}
        if cluster.server.running:
            cluster.server.stop()
            self.serve(cluster)
        return self._locate(cluster)

    def control_writes(self, args: dict[str, Any]) -> dict[str, Any]:
        """What others than the sandbox modified in any database, deleted clusters' included."""
        clusters = {cluster.resource_id: cluster.identifier for cluster in self.clusters.values()}
        found = {}
        for log in sorted(self.logs.glob("*.log")):
            statements = postgres.modifying_statements(log, self._read_from.get(log.name, 0))
            if statements:
                found[clusters.get(log.stem, log.stem)] = statements
        return {"total": sum(map(len, found.values())), "clusters": found}

    def control_reset_writes(self, args: dict[str, Any]) -> dict[str, Any]:
        """Counts from here."""
        self._read_from = {log.name: log.stat().st_size for log in self.logs.glob("*.log")}
        return {}
