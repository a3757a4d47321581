"""Values read by a JSON schema: texts as what it asks for, defaults, and mistakes in words."""

import copy
import difflib
import math
import re

import jsonschema


def as_written(value: object, schema: dict, root: dict) -> object:
    """The value with its texts as the numbers, truths and nulls that the schema asks for there, where they are some.
    Whole numbers are texts where names are asked for.

    Snakemake hands what is nested in --config over as text; YAML reads 1e-3 as text, and the name 16 as a number.
    """
    if "$ref" in schema:
        return as_written(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for part in schema.get("allOf", []):
        value = as_written(value, part, root)
    if "if" in schema and isinstance(value, dict):
        chosen = "then" if value.keys() >= set(schema["if"]["required"]) else "else"
        value = as_written(value, schema[chosen], root)
    if isinstance(value, dict):
        parts, others = schema.get("properties", {}), schema.get("additionalProperties")
        others = others if isinstance(others, dict) else {}
        named = {str(name) if type(name) is int else name: one for name, one in value.items()}
        return {name: as_written(one, parts.get(name, others), root) for name, one in named.items()}
    if isinstance(value, list):
        return [as_written(one, schema.get("items", {}), root) for one in value]
    kinds = schema.get("type", ["null"] if None in schema.get("enum", []) else [])
    return read_as(value, [kinds] if isinstance(kinds, str) else kinds)


def read_as(value: object, kinds: list[str]) -> object:
    """A text as one of the JSON Schema types `kinds`, where it reads as one and may not be a text; else as it is.

    A whole number is a text where only that is asked for.
    """
    if type(value) is int and "string" in kinds and not {"integer", "number"} & set(kinds):
        return str(value)
    if type(value) is float and value.is_integer() and "integer" in kinds and "number" not in kinds:
        return int(value)
    if not isinstance(value, str) or "string" in kinds:
        return value
    if "null" in kinds and value.lower() in ("null", "none", "~"):
        return None
    if "boolean" in kinds and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if {"integer", "number"} & set(kinds) and re.fullmatch(r"[-+]?[0-9]+", value):
        return int(value)
    if "number" in kinds and re.fullmatch(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?", value):
        return float(value)
    return value


def not_finite(value: object, key: str):
    """Numbers like .inf and .nan, which no comparison with a bound refuses."""
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from not_finite(part, f"{key}.{name}".removeprefix("."))
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{key}: {value} is no finite number"


def explain(error: jsonschema.ValidationError) -> str:
    """A mistake by its key, with what an unknown one may have meant."""
    key = ".".join(map(str, error.absolute_path)) or "top level"
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(error.schema["properties"])
        unknown = [name for name in error.instance if name not in known]
        return "; ".join(f"{key}: unknown key {name!r}{hint(name, known)}" for name in unknown)
    return f"{key}: {error.message}"


def hint(name: object, known: list) -> str:
    """What may have been meant by a name that is not known, or all that are."""
    known = [str(value) for value in known]
    close = difflib.get_close_matches(str(name), known, 1)
    return f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"


def fill_defaults(value: object, schema: dict, root: dict) -> None:
    """Put the schema's defaults where keys are missing."""
    if "$ref" in schema:
        fill_defaults(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if not isinstance(value, dict):
        return
    for part in schema.get("allOf", []):
        fill_defaults(value, part, root)
    if "if" in schema:
        chosen = "then" if value.keys() >= set(schema["if"]["required"]) else "else"
        fill_defaults(value, schema[chosen], root)
    for name, part in schema.get("properties", {}).items():
        if "default" in part:
            value.setdefault(name, copy.deepcopy(part["default"]))
        if name in value:
            fill_defaults(value[name], part, root)
    others = schema.get("additionalProperties")
    if isinstance(others, dict):
        for name in value.keys() - schema.get("properties", {}).keys():
            fill_defaults(value[name], others, root)
