"""The API described in OpenAPI 3.1, from the very models that its endpoints check with."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version
from inspect import cleandoc
from re import findall
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from hub.web.api.endpoint import Endpoint

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "description": "A stable name, such as urn:hub:problem:stale"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence for people"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def document(endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """The whole description."""
    every = list(endpoints)
    wanted: dict[tuple[type[BaseModel], Literal["validation", "serialization"]], None] = {}
    for endpoint in every:
        for model in (endpoint.query, endpoint.body):
            if model is not None:
                wanted[model, "validation"] = None
        if endpoint.returns is not None:
            wanted[endpoint.returns, "serialization"] = None
    refs, schemas = models_json_schema(list(wanted), ref_template=_REF)
    known: dict[str, Any] = schemas.get("$defs", {})
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in every:
        query = known[_name(refs[endpoint.query, "validation"])] if endpoint.query else {}
        operation = _operation(endpoint, query)
        if endpoint.body is not None:
            operation["requestBody"] = {"required": True, "content": _json(refs[endpoint.body, "validation"])}
        good: dict[str, Any] = {"description": "Done."}
        if endpoint.returns is not None:
            good["content"] = _json(refs[endpoint.returns, "serialization"])
        operation["responses"] = {str(endpoint.status): good, "default": {"$ref": "#/components/responses/Problem"}}
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = operation
    for query_model in {endpoint.query for endpoint in every if endpoint.query}:
        known.pop(_name(refs[query_model, "validation"]), None)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "The hub",
            "version": version("hub"),
            "description": "Contacts, their timelines, and what happened. Times are ISO 8601 in UTC, ids are strings.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {"session": []}],
        "paths": paths,
        "components": {
            "schemas": {**known, "Problem": _PROBLEM},
            "responses": {
                "Problem": {
                    "description": "What went wrong.",
                    "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
                }
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`hub token add`"},
                "session": {"type": "apiKey", "in": "cookie", "name": "hub_session"},
            },
        },
    }


def _operation(endpoint: Endpoint, query: dict[str, Any]) -> dict[str, Any]:
    summary, _, rest = cleandoc(endpoint.function.__doc__ or "").partition("\n\n")
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in findall(r"{(\w+)}", endpoint.path)
    ]
    for name, schema in query.get("properties", {}).items():
        parameter: dict[str, Any] = {"name": name, "in": "query", "required": name in query.get("required", ())}
        if "description" in schema:
            parameter["description"] = schema["description"]
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        parameters.append(parameter | {"schema": schema})
    operation: dict[str, Any] = {
        "operationId": endpoint.function.__name__,
        "summary": " ".join(summary.split()),
        "description": f"{rest}\n\nNeeds the scope `{endpoint.scope.value}`.".strip(),
    }
    if parameters:
        operation["parameters"] = parameters
    return operation


def _json(ref: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": ref}}


def _name(ref: dict[str, Any]) -> str:
    return str(ref["$ref"]).rpartition("/")[2]
