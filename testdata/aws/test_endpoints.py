"""The services' hosts held against botocore's endpoint rule sets.

ENDPOINT_CASES names the program that resolves ours; see endpoint_cases.c.
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
from typing import Any

from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError
from botocore.loaders import Loader

SERVICES = ["rds", "cloudformation", "sts", "iam", "cognito-idp", "secretsmanager", "dynamodb", "ecs", "dms", "kms",
            "apigateway", "bedrock-runtime"]
PARTITIONS = ["aws", "aws-cn", "aws-us-gov"]


def providers(loader: Loader) -> dict[str, EndpointProvider]:
    partitions = loader.load_data("partitions")
    return {name: EndpointProvider(loader.load_service_model(name, "endpoint-rule-set-1"), partitions)
            for name in SERVICES}


def expected(name: str, provider: EndpointProvider, region: str, fips: bool, dualstack: bool) -> tuple[str, str] | None:
    """URL and signing region; None where botocore knows none."""
    params: dict[str, Any] = {"Region": region, "UseFIPS": fips, "UseDualStack": dualstack}
    if name == "sts":
        params["UseGlobalEndpoint"] = False
    try:
        endpoint = provider.resolve_endpoint(**params)
    except EndpointProviderError:
        return None
    schemes = endpoint.properties.get("authSchemes", [{}])
    return endpoint.url, schemes[0].get("signingRegion", region)


def test_equal_botocore() -> None:
    loader = Loader()
    regions = [region for partition in loader.load_data("partitions")["partitions"] if partition["id"] in PARTITIONS
               for region in partition["regions"] if not region.endswith("-global")]
    # FIPS is a standard of the United States': what the rule sets build for China by default exists nowhere.
    cases = [case for case in itertools.product(regions, (False, True), (False, True))
             if not (case[0].startswith("cn-") and case[1])]
    lines = "".join(f"{region} {fips} {dualstack}\n".lower() for region, fips, dualstack in cases)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([os.environ["ENDPOINT_CASES"]], input=lines, capture_output=True, text=True, check=True,
                          env=environment | {"HOME": "/nonexistent"})
    ours = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(ours) == len(cases) > 100
    known = providers(loader)
    wrong = []
    for (region, fips, dualstack), hosts in zip(cases, ours):
        for name, provider in known.items():
            right = expected(name, provider, region, fips, dualstack)
            if right is not None and tuple(hosts[name]) != right:
                wrong.append((name, region, fips, dualstack, hosts[name], right))
    assert not wrong, f"{len(wrong)} differ: {wrong[:12]}"
