"""The refusals that come before a service is asked, in each service's words.

The same mistake has a different code in each protocol, and some services have
codes of their own; clients tell errors apart by these.
"""

from __future__ import annotations

import model
from service import AwsError

_MISTAKES = {
    # what happened: (query, json, rest-json), each a code and a status
    "no-auth": (("MissingAuthenticationToken", 403), ("MissingAuthenticationTokenException", 400),
                ("MissingAuthenticationTokenException", 403)),
    "unknown-key": (("InvalidClientTokenId", 403), ("UnrecognizedClientException", 400),
                    ("UnrecognizedClientException", 403)),
    "bad-signature": (("SignatureDoesNotMatch", 403), ("InvalidSignatureException", 400),
                      ("InvalidSignatureException", 403)),
    "bad-header": (("IncompleteSignature", 403), ("IncompleteSignatureException", 400),
                   ("IncompleteSignatureException", 403)),
    "expired": (("ExpiredToken", 403), ("ExpiredTokenException", 400),
                ("ExpiredTokenException", 403)),
    "denied": (("AccessDenied", 403), ("AccessDeniedException", 400), ("AccessDeniedException", 403)),
    "unknown-operation": (("InvalidAction", 400), ("UnknownOperationException", 400),
                          ("UnknownOperationException", 404)),
    "malformed": (("MalformedInput", 400), ("SerializationException", 400),
                  ("SerializationException", 400)),
    "throttled": (("Throttling", 400), ("ThrottlingException", 400), ("ThrottlingException", 429)),
    "unavailable": (("ServiceUnavailable", 503), ("ServiceUnavailableException", 503),
                    ("ServiceUnavailableException", 503)),
    "internal": (("InternalFailure", 500), ("InternalFailure", 500), ("InternalFailure", 500)),
}
_COLUMN = {"query": 0, "json": 1, "rest-json": 2}

# Where a service's own code differs from its protocol's.
_OWN = {
    ("cognito-idp", "throttled"): "TooManyRequestsException",
    ("cognito-idp", "internal"): "InternalErrorException",
    ("apigateway", "throttled"): "TooManyRequestsException",
    ("secretsmanager", "internal"): "InternalServiceError",
    ("dynamodb", "internal"): "InternalServerError",
    ("kms", "internal"): "KMSInternalException",
}

_INVALID = {
    "rds": "InvalidParameterValue", "sts": "ValidationError", "iam": "ValidationError",
    "cloudformation": "ValidationError", "cognito-idp": "InvalidParameterException",
    "apigateway": "BadRequestException",
}


def refuse(service: str, mistake: str, message: str) -> AwsError:
    """The error by which `service` answers `mistake`, a key of the table above."""
    column = _COLUMN[model.protocol(model.service_model(service))]
    code, status = _MISTAKES[mistake][column]
    return AwsError(_OWN.get((service, mistake), code), message, status)


def invalid(service: str, found: list[model.Violation]) -> AwsError:
    """The error for parameters that break the model."""
    if service == "rds" and found[0].kind == "missing":
        return AwsError("MissingParameter", f"The request must contain the parameter {found[0].path}.")
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    text = count + "; ".join(violation.text for violation in found)
    return AwsError(_INVALID.get(service, "ValidationException"), text)
