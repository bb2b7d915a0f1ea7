"""Embeddings as Cohere's models give them through Bedrock."""

from __future__ import annotations

import json
from math import dist
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import Sandbox

MODEL = "cohere.embed-multilingual-v3"


def invoke(sandbox: Sandbox, model: str = MODEL, **body: Any) -> list[list[float]]:
    answer = sandbox.client("bedrock-runtime").invoke_model(
        modelId=model, accept="application/json", contentType="application/json", body=json.dumps(body))
    embeddings: list[list[float]] = json.loads(answer["body"].read())["embeddings"]
    return embeddings


def refused(sandbox: Sandbox, **request: Any) -> str:
    with pytest.raises(ClientError) as raised:
        invoke(sandbox, **request)
    status = raised.value.response["ResponseMetadata"]["HTTPStatusCode"]
    return f"{status} {raised.value.response['Error']['Code']}"


def test_the_same_text_has_the_same_embedding(sandbox: Sandbox) -> None:
    pump, again, other = invoke(sandbox, texts=["How is the pump installed?", "How is the pump installed?", "Crème brûlée"],
                                input_type="search_document")
    assert len(pump) == 1024 and pump == again and sum(value * value for value in pump) == pytest.approx(1)
    (question,) = invoke(sandbox, texts=["pump installed"], input_type="search_query")
    assert dist(question, pump) < dist(question, other)
    assert sandbox.control("bedrock-runtime/embed", text="pump installed")["embedding"] == pytest.approx(question)


def test_what_the_schema_forbids(sandbox: Sandbox) -> None:
    wrong: list[dict[str, Any]] = [
        {"texts": []}, {"texts": ["x"] * 97}, {"texts": ["x" * 2049]}, {"texts": [""]}, {"texts": [1]}, {"texts": "x"},
        {"inputText": "x"}, {"texts": ["x"], "input_type": "question"}]
    for body in wrong:
        assert refused(sandbox, **{"input_type": "search_query", **body}) == "400 ValidationException", body
    assert len(invoke(sandbox, texts=["x" * 2048] * 96, input_type="search_query")) == 96


def test_models_without_access_and_models_that_are_not_ready(sandbox: Sandbox) -> None:
    asked = {"texts": ["x"], "input_type": "search_query"}
    assert refused(sandbox, model="amazon.titan-embed-text-v9:0", **asked) == "400 ValidationException"
    sandbox.control("bedrock-runtime/access", model=MODEL, granted=False)
    assert refused(sandbox, **asked) == "403 AccessDeniedException"
    sandbox.control("bedrock-runtime/access", model=MODEL, granted=True)
    sandbox.control("bedrock-runtime/not_ready", count=1)
    assert refused(sandbox, **asked) == "429 ModelNotReadyException"
    assert len(invoke(sandbox, **asked)) == 1


def test_throttled(sandbox: Sandbox) -> None:
    sandbox.control("fault", kind="throttle", operation="bedrock-runtime:InvokeModel")
    assert refused(sandbox, texts=["x"], input_type="search_query") == "429 ThrottlingException"
