"""The services of the sandbox, one file each. `build` lists them all."""

from __future__ import annotations

from service import Settings, World


def build(settings: Settings) -> World:
    """A world with every service in it, not yet started."""
    world = World(settings)
    for service in ():
        world.add(service(world))
    return world
