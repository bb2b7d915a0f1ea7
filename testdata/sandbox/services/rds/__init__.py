"""RDS, as far as Aurora PostgreSQL clusters go, with a real server behind each."""

from .clusters import ClusterOperations
from .control import ControlCommands
from .instances import InstanceOperations
from .tags import TagOperations


class Rds(ClusterOperations, InstanceOperations, TagOperations, ControlCommands):
    """See base for how state changes, clusters, instances and snapshots for the operations."""
