"""The services of the sandbox, one file each. `build` lists them all."""

from __future__ import annotations

from auth import Keyring
from service import Settings, World
from services.cognito import Cognito
from services.kms import Kms
from services.sts import Sts


def build(settings: Settings) -> World:
    """A world with every service in it, not yet started."""
    world = World(settings, Keyring(settings))
    for service in (Sts, Kms, Cognito):
        world.add(service(world))
    return world
