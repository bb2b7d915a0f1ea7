"""RDS, as far as Aurora PostgreSQL clusters go, with a real server behind each."""

from .control import ControlCommands
from .instances import InstanceOperations
from .parameters import ParameterOperations
from .seeding import SeedMethods
from .tags import TagOperations


class Rds(SeedMethods, InstanceOperations, TagOperations, ParameterOperations, ControlCommands):
    """See base for how state changes, clusters, instances and snapshots for the operations."""
