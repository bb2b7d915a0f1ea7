"""Bedrock Runtime: the embedding models of Cohere's.

A text's embedding is embedding.embed()'s: who embeds a question here and a
document in a task gets vectors that are near where the texts share words.
"""

from __future__ import annotations

import json
from typing import Any

import embedding
from service import AwsError, Call, Service, World

_MODELS = {"cohere.embed-multilingual-v3", "cohere.embed-english-v3"}
_TEXTS, _CHARACTERS = 96, 2048
_INPUT_TYPES = {"search_document", "search_query", "classification", "clustering"}


class Bedrock(Service):
    name = "bedrock-runtime"

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._granted = set(_MODELS)
        self._not_ready = 0

    def control_access(self, args: dict[str, Any]) -> dict[str, Any]:
        """{"model": id, "granted": false}: whether the account has access to a model."""
        model = args["model"]
        if model not in _MODELS:
            raise ValueError(f"no such model: {model}")
        (self._granted.add if args["granted"] else self._granted.discard)(model)
        return {"granted": sorted(self._granted)}

    def control_not_ready(self, args: dict[str, Any]) -> dict[str, Any]:
        """{"count": N}: the next N requests meet a model that is not ready."""
        self._not_ready = int(args["count"])
        return {}

    def control_embed(self, args: dict[str, Any]) -> dict[str, Any]:
        """{"text": …}: what the model makes of a text."""
        return {"embedding": embedding.embed(args["text"])}

    def InvokeModel(self, call: Call) -> dict[str, Any]:
        model = call.params["modelId"]
        if model not in _MODELS:
            raise AwsError("ValidationException", "The provided model identifier is invalid.")
        if model not in self._granted:
            raise AwsError("AccessDeniedException", "You don't have access to the model with the specified model ID.")
        if self._not_ready > 0:
            self._not_ready -= 1
            raise AwsError("ModelNotReadyException", "Model is not ready for inference. Wait and try again.")
        texts = _texts(call.params.get("body", b""))
        answer = {"id": "00000000-0000-0000-0000-000000000000", "texts": [text.lower() for text in texts],
                  "embeddings": [embedding.embed(text) for text in texts], "response_type": "embeddings_floats"}
        return {"body": json.dumps(answer).encode(), "contentType": "application/json"}


def _texts(body: bytes) -> list[str]:
    """The texts of a request, checked as Bedrock checks them against the model's schema."""
    try:
        request = json.loads(body)
    except ValueError as error:
        raise _malformed("The input is not valid JSON") from error
    if not isinstance(request, dict) or not isinstance(request.get("texts"), list):
        raise _malformed("#: required key [texts] not found")
    texts: list[Any] = request["texts"]
    if request.get("input_type") not in _INPUT_TYPES:
        raise _malformed("#: required key [input_type] not found")
    if not 1 <= len(texts) <= _TEXTS:
        raise _malformed(f"#/texts: expected {'min' if not texts else 'max'}imum item count: {1 if not texts else _TEXTS}, "
                         f"found: {len(texts)}")
    for number, text in enumerate(texts):
        if not isinstance(text, str):
            raise _malformed(f"#/texts/{number}: expected type: String")
        if not 1 <= len(text) <= _CHARACTERS:
            raise _malformed(f"#/texts/{number}: expected {'min' if not text else 'max'}Length: "
                             f"{_CHARACTERS if text else 1}, actual: {len(text)}")
    return texts


def _malformed(what: str) -> AwsError:
    return AwsError("ValidationException", f"Malformed input request: {what}, please reformat your input and try again.")
