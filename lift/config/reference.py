"""The keys of a config as tables, from the descriptions, bounds and defaults of its schema."""

import json

PLACES = {  # of the tables, by the way to them in the schema
    "a config": (),
    "models": ("models", "*"),
    "corpora": ("corpora", "*"),
    "statistics": ("statistics",),
    "training": ("training",),
    "methods": ("methods", "*"),
    "decoders": ("decoders", "*"),
    "benchmarks": ("benchmarks", "*"),
}
_BOUNDS = {"minimum": "at least", "exclusiveMinimum": "above", "maximum": "at most", "exclusiveMaximum": "below"}
_NOUNS = {"integer": "whole number", "boolean": "`true` or `false`", "string": "text", "null": "`null`"}
_SEVERAL = {"integer": "whole numbers", "number": "numbers", "string": "texts"}


def _merged(schema: dict, root: dict) -> dict:
    """A schema with what it refers to and its alternatives in one."""
    found: dict = {}
    parts = [root["$defs"][schema["$ref"].rpartition("/")[2]]] if "$ref" in schema else []
    parts += [*schema.get("allOf", []), *(schema[name] for name in ("else", "then") if name in schema), schema]
    for part in parts:
        part = part if part is schema else _merged(part, root)
        keys = found.get("properties", {})
        both = {name: keys.get(name, {}) | one for name, one in part.get("properties", {}).items()}
        found |= part | {"properties": keys | both}
    return found


def _values(schema: dict, nouns: dict[str, str] = _NOUNS) -> str:
    """What a key takes, in words."""
    if "enum" in schema:
        return ", ".join("`null`" if value is None else f"`{value}`" for value in schema["enum"])
    kinds, words = schema.get("type", []), []
    bounds = " and ".join(f"{word} {schema[name]}" for name, word in _BOUNDS.items() if name in schema)
    for kind in [kinds] if isinstance(kinds, str) else kinds:
        if kind == "array":
            words.append(f"a list of {_values(schema['items'], _SEVERAL)}")
        elif kind == "object":
            words.append("entries by name" if isinstance(schema.get("additionalProperties"), dict) else "an entry")
        else:
            words.append(f"{nouns.get(kind, kind)} {bounds if kind in ('integer', 'number') else ''}".strip())
    return " or ".join(words)


def table(name: str, schema: dict) -> str:
    """The keys of a place in the config, one of PLACES, as a Markdown table."""
    place = _merged(schema, schema)
    for step in PLACES[name]:
        place = _merged(place["additionalProperties"] if step == "*" else place["properties"][step], schema)
    lines = ["| key | takes | if left out | meaning |", "|---|---|---|---|"]
    for key, one in place["properties"].items():
        one = _merged(one, schema)
        default = "" if one.get("default", {}) == {} else f"`{json.dumps(one['default'])}`".replace('"', "")
        lines.append(f"| `{key}` | {_values(one)} | {default} | {one['description']} |")
    return "\n".join(lines)
