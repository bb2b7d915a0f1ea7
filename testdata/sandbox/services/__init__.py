"""The services of the sandbox, one file each. `build` lists them all."""

from __future__ import annotations

from auth import Keyring
from deployment import Deployments
from service import Settings, World
from services.apigateway import ApiGateway
from services.bedrock import Bedrock
from services.cloudformation import CloudFormation
from services.cognito import Cognito
from services.dms import Dms
from services.dynamodb import DynamoDb
from services.ecs import Ecs
from services.iam import Iam
from services.kms import Kms
from services.rds import Rds
from services.secretsmanager import SecretsManager
from services.sts import Sts


def build(settings: Settings) -> World:
    """A world with every service in it, not yet started."""
    world = World(settings, Keyring(settings))
    for service in (Sts, Kms, Cognito, SecretsManager, CloudFormation, DynamoDb, ApiGateway, Rds, Ecs, Dms, Bedrock,
                    Iam):
        world.add(service(world))
    world.deployments = Deployments(world)
    return world
