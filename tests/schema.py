#!/usr/bin/env python3
"""schema.py SCHEMA [FILE] - checks JSON against a schema of docs/schemas, line by line when FILE is not one document.

Knows what our schemas use: type, properties, required, additionalProperties, items, prefixItems, minItems, maxItems,
enum, const, pattern, minimum, maximum, anyOf, oneOf, $ref into $defs.
"""
import json
import re
import sys

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}


def type_fits(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def errors(value, schema, root, where="$"):
    if "$ref" in schema:
        target = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from errors(value, target, root, where)
    for key in ("anyOf", "oneOf"):
        if key in schema and not any(not list(errors(value, s, root, where)) for s in schema[key]):
            yield f"{where}: fits none of {key}"
    names = schema.get("type", [])
    names = [names] if isinstance(names, str) else names
    if names and not any(type_fits(value, n) for n in names):
        yield f"{where}: {json.dumps(value)[:60]} is no {' or '.join(names)}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{where}: is not {schema['const']}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where}: {value} is none of {schema['enum']}"
    if isinstance(value, str) and "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{where}: {value!r} does not match {schema['pattern']}"
    if type_fits(value, "number"):
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            yield f"{where}: {value} is out of range"
    if isinstance(value, dict):
        for name in schema.get("required", []):
            if name not in value:
                yield f"{where}: {name} is missing"
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
            if inner is False:
                yield f"{where}: {name} is not in the schema"
            elif inner is not True:
                yield from errors(item, inner, root, f"{where}.{name}")
    if isinstance(value, list):
        if len(value) < schema.get("minItems", 0) or len(value) > schema.get("maxItems", len(value)):
            yield f"{where}: {len(value)} items"
        first = schema.get("prefixItems", [])
        for i, item in enumerate(value):
            yield from errors(item, first[i] if i < len(first) else schema.get("items", {}), root, f"{where}[{i}]")


def check(value, path):
    """The mistakes of a value against the schema file, as a list of texts."""
    with open(path) as f:
        schema = json.load(f)
    return list(errors(value, schema, schema))


if __name__ == "__main__":
    text = open(sys.argv[2]).read() if len(sys.argv) > 2 else sys.stdin.read()
    try:
        values = [json.loads(text)]
    except ValueError:
        values = [json.loads(line) for line in text.splitlines() if line.strip()]
    found = [f"{i + 1}: {e}" for i, v in enumerate(values) for e in check(v, sys.argv[1])]
    print("\n".join(found[:20]) if found else f"{len(values)} values fit {sys.argv[1]}")
    sys.exit(1 if found or not values else 0)
