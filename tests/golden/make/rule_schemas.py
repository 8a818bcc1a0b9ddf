"""JSON schemas in the style of public ones (configurations, API objects, extraction forms, tool arguments), each with instances
and whether they are valid, as the jsonschema library says. Writes ../rules/schemas.json.

Every schema is put together from fields written here; every instance is a sample of those fields, or one with a single fault.
"""

# ruff: noqa: E501 (a table: a field is one line)

import copy
import json
import random
from pathlib import Path

from jsonschema import Draft202012Validator

OUT = Path(__file__).parent.parent / "rules" / "schemas.json"

# name: (schema, valid values, invalid values)
FIELDS = {
    "id": ({"type": "string", "format": "uuid"}, ["3b241101-e2bb-4255-8caf-4136c566a962"], ["3b241101", 7]),
    "email": ({"type": "string", "format": "email"}, ["ada@example.org", "a.b@mail.example.com"], ["ada", 3]),
    "homepage": ({"type": "string", "format": "uri"}, ["https://example.org/a?b=c#d", "mailto:ada@example.org"], ["no uri at all"]),
    "host": ({"type": "string", "format": "hostname"}, ["db-1.internal.example.org", "localhost"], ["-bad-", "a..b"]),
    "address_v4": ({"type": "string", "format": "ipv4"}, ["192.168.0.1", "8.8.8.8"], ["256.1.1.1", "1.2.3"]),
    "address_v6": ({"type": "string", "format": "ipv6"}, ["::1", "2001:db8::ff00:42:8329", "::ffff:10.0.0.1"], ["1::2::3", ":::"]),
    "born": ({"type": "string", "format": "date"}, ["1999-12-31", "2024-02-29"], ["2023-02-29", "1999-13-01", "99-1-1"]),
    "created_at": ({"type": "string", "format": "date-time"}, ["2024-05-01T12:30:00Z", "2024-05-01T12:30:00.25+02:00"], ["2024-05-01", "2024-05-01T25:00:00Z"]),
    "opens": ({"type": "string", "format": "time"}, ["08:30:00Z", "23:59:59+01:00"], ["8:30", "24:00:00Z"]),
    "timeout": ({"type": "string", "format": "duration"}, ["PT30S", "P3DT4H", "P2W"], ["30s", "P"]),
    "name": ({"type": "string", "minLength": 1, "maxLength": 12}, ["Ada", "Grace", "é中文😀"], ["", "far too long a name"]),
    "title": ({"type": "string", "description": "Shown at the top.", "examples": ["Hello"]}, ["", "A \"quoted\" title", "tab\tand\nline", "back\\slash"], [None, 3]),
    "note": ({"type": ["string", "null"]}, [None, "remember the milk"], [1, []]),
    "nickname": ({"anyOf": [{"type": "string", "maxLength": 4}, {"type": "null"}]}, ["Bo", None], ["Robert", 2]),
    "sku": ({"type": "string", "pattern": "^[A-Z]{3}-[0-9]{4}$"}, ["ABC-0123"], ["abc-0123", "ABC-01234", "XABC-0123"]),
    "slug": ({"type": "string", "pattern": "^[a-z0-9]+(?:-[a-z0-9]+)*$", "maxLength": 16}, ["a", "my-post-2"], ["My-Post", "a--b", "this-slug-is-too-long"]),
    "phone": ({"type": "string", "pattern": "^\\+[1-9]\\d{6,14}$"}, ["+4915112345678"], ["0151", "+0123456789"]),
    "version": ({"type": "string", "pattern": "^(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)$"}, ["1.0.0", "10.20.30"], ["1.0", "01.0.0"]),
    "color": ({"type": "string", "pattern": "^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"}, ["#fff", "#00AAff"], ["#ff", "fff"]),
    "mentions": ({"type": "string", "pattern": "@\\w+"}, ["hi @ada!", "@b"], ["nobody", ""]),
    "country": ({"type": "string", "enum": ["DE", "FR", "US", "JP"]}, ["DE", "JP"], ["de", "XX"]),
    "status": ({"enum": ["draft", "published", "archived"]}, ["draft"], ["deleted", None]),
    "priority": ({"type": "integer", "enum": [1, 2, 3]}, [1, 3], [0, 4, "1"]),
    "mode": ({"enum": ["auto", 0, None, True]}, ["auto", 0, None, True], ["manual", 1, False]),
    "kind": ({"const": "invoice"}, ["invoice"], ["Invoice", "receipt"]),
    "age": ({"type": "integer", "minimum": 0, "maximum": 150}, [0, 42, 150], [-1, 151, 4.5]),
    "year": ({"type": "integer", "minimum": 1900, "exclusiveMaximum": 2100}, [1900, 2099], [1899, 2100]),
    "offset": ({"type": "integer", "minimum": -720, "maximum": 840}, [-720, 0, 330, 840], [-721, 841]),
    "count": ({"type": "integer", "exclusiveMinimum": 0}, [1, 1000000], [0, -3]),
    "price": ({"type": "number", "minimum": 0, "multipleOf": 0.25}, [0, 0.25, 19.75, 100], [-1, 0.3]),
    "ratio": ({"type": "number", "minimum": 0, "maximum": 1}, [0, 1, 0.5, 0.125], [1.5, -0.25]),
    "latitude": ({"type": "number", "minimum": -90, "maximum": 90}, [-90, 52.520008, 0], [90.5, -91]),
    "longitude": ({"type": "number", "exclusiveMinimum": -180, "maximum": 180}, [13.404954, 180, -179.99], [-180, 181]),
    "score": ({"type": "number"}, [0, -1.5, 1e21, 2.5e-7, 123456.789], ["1", None]),
    "port": ({"type": "integer", "minimum": 1, "maximum": 65535}, [1, 8080, 65535], [0, 65536]),
    "step": ({"type": "integer", "multipleOf": 5}, [0, -10, 35], [3, 7]),
    "percent": ({"type": ["integer", "string"], "minimum": 0, "maximum": 100, "pattern": "^\\d+%$"}, [50, "50%"], [101, "half", True]),
    "active": ({"type": "boolean", "default": True}, [True, False], ["yes", 0]),
    "nothing": ({"type": "null"}, [None], [False, 0]),
    "anything": ({}, [1, "x", None, [1, {"a": []}], {"b": True}], []),
    "tags": ({"type": "array", "items": {"type": "string", "maxLength": 10}}, [[], ["a"], ["a", "b", "c"]], [["x" * 11], "a", [1]]),
    "aliases": ({"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 3}, [["a"], ["a", "b", "c"]], [[], ["a", "b", "c", "d"]]),
    "days": ({"type": "array", "items": {"enum": ["mon", "tue", "wed"]}, "uniqueItems": True}, [[], ["tue", "mon"], ["mon", "tue", "wed"]], [["mon", "mon"], ["sun"]]),
    "point": ({"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "items": False, "minItems": 2}, [[1, 2.5]], [[1], [1, 2, 3], ["1", 2]]),
    "row": ({"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "items": {"type": "boolean"}}, [[], ["a"], ["a", 1], ["a", 1, True, False]], [[1], ["a", 1, 1]]),
    "matrix": ({"type": "array", "items": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2}}, [[], [[1, 2], [3, 4]]], [[[1]], [1, 2]]),
    "labels": ({"type": "object", "additionalProperties": {"type": "string"}}, [{}, {"env": "prod", "team": "a b"}], [{"env": 1}, []]),
    "limits": ({"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}, "maxProperties": 2}, [{}, {"cpu": 2}, {"cpu": 2, "mem": 4}], [{"cpu": -1}, {"a": 1, "b": 2, "c": 3}]),
    "headers": ({"type": "object", "patternProperties": {"^X-": {"type": "string"}}, "additionalProperties": False}, [{}, {"X-A": "1"}], [{"A": "1"}, {"X-A": 1}]),
    "metrics": ({"type": "object", "patternProperties": {"_ms$": {"type": "number"}, "^n_": {"type": "integer"}}}, [{"a_ms": 1.5}, {"n_a": 2, "z": None}], [{"a_ms": "x"}, {"n_a": 1.5}]),
    "flags": ({"type": "object", "propertyNames": {"pattern": "^[a-z]+$"}, "additionalProperties": {"type": "boolean"}}, [{}, {"beta": True}], [{"Beta": True}, {"beta": 1}]),
    "address": (
        {"type": "object", "properties": {"street": {"type": "string"}, "zip": {"type": "string", "pattern": "^\\d{5}$"}, "city": {"type": "string"}}, "required": ["street", "city"], "additionalProperties": False},
        [{"street": "Main 1", "city": "Berlin"}, {"street": "", "zip": "10115", "city": "B"}],
        [{"street": "Main 1"}, {"street": "Main 1", "zip": "1011", "city": "B"}, {"street": "a", "city": "b", "extra": 1}],
    ),
    "contact": (
        {"anyOf": [{"type": "object", "properties": {"email": {"type": "string", "format": "email"}}, "required": ["email"], "additionalProperties": False}, {"type": "object", "properties": {"phone": {"type": "string", "minLength": 3}}, "required": ["phone"], "additionalProperties": False}]},
        [{"email": "a@b.org"}, {"phone": "123"}],
        [{}, {"email": "a@b.org", "phone": "123"}, {"phone": "1"}],
    ),
    "shape": (
        {"oneOf": [{"type": "object", "properties": {"type": {"const": "circle"}, "radius": {"type": "number", "exclusiveMinimum": 0}}, "required": ["type", "radius"], "additionalProperties": False}, {"type": "object", "properties": {"type": {"const": "rect"}, "w": {"type": "number"}, "h": {"type": "number"}}, "required": ["type", "w", "h"], "additionalProperties": False}]},
        [{"type": "circle", "radius": 1.5}, {"type": "rect", "w": 1, "h": 2}],
        [{"type": "circle", "radius": 0}, {"type": "rect", "w": 1}, {"type": "square", "w": 1, "h": 1}],
    ),
    "amount": ({"oneOf": [{"type": "string"}, {"type": "number", "minimum": 0}]}, ["12 EUR", 12.5], [-1, None]),
    "size": ({"oneOf": [{"type": "integer", "minimum": 0, "maximum": 9}, {"type": "integer", "minimum": 5, "maximum": 20}]} , [3, 15], [30, "3"]),
    "payment": (
        {"type": "object", "properties": {"card": {"type": "string"}, "billing": {"type": "string"}}, "dependentRequired": {"card": ["billing"]}, "additionalProperties": False},
        [{}, {"billing": "x"}, {"card": "1", "billing": "x"}],
        [{"card": "1"}],
    ),
    "region": (
        {"type": "object", "properties": {"country": {"enum": ["US", "CA"]}, "code": {"type": "string"}}, "required": ["country", "code"], "additionalProperties": False, "if": {"properties": {"country": {"const": "US"}}}, "then": {"properties": {"code": {"pattern": "^\\d{5}$"}}}, "else": {"properties": {"code": {"pattern": "^[A-Z]\\d[A-Z]$"}}}},
        [{"country": "US", "code": "12345"}, {"country": "CA", "code": "A1B"}],
        [{"country": "US", "code": "A1B"}, {"country": "CA", "code": "12345"}],
    ),
    "word": ({"type": "string", "not": {"enum": ["root", "admin"]}, "maxLength": 8}, ["ada", "rooted"], ["root", "admin"]),
    "codename": ({"allOf": [{"type": "string", "pattern": "^[a-z]"}, {"pattern": "\\d$"}, {"minLength": 3}]}, ["ab1", "x-9"], ["a1", "Ab1", "abc"]),
    "range": ({"allOf": [{"type": "integer"}, {"minimum": 10}, {"maximum": 20}]}, [10, 20], [9, 21]),
    "coordinates": ({"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"], "additionalProperties": False}, [{"x": 1, "y": -0.5}], [{"x": 1}, {"x": 1, "y": "2"}]),
    "history": (
        {"type": "array", "maxItems": 2, "items": {"type": "object", "properties": {"at": {"type": "string", "format": "date"}, "by": {"type": "string"}}, "required": ["at"], "additionalProperties": False}},
        [[], [{"at": "2024-01-31"}], [{"at": "2024-01-31", "by": "ada"}, {"at": "2024-04-30"}]],
        [[{"by": "ada"}], [{"at": "2024-04-31"}]],
    ),
}
NAMES = list(FIELDS)


def prose(text: str, rng: random.Random) -> dict:
    """Annotations, which change nothing."""
    notes = {"title": text.title(), "description": f"The {text}."}
    return {key: notes[key] for key in notes if rng.random() < 0.4}


def closed(fields: list[str], required: list[str], rng: random.Random) -> dict:
    return {
        **prose("object", rng),
        "type": "object",
        "properties": {name: {**copy.deepcopy(FIELDS[name][0]), **prose(name, rng)} for name in fields},
        "required": required,
        "additionalProperties": False,
    }


def sample(fields: list[str], required: list[str], rng: random.Random) -> dict:
    """One value for every required field and some of the others, in the order of the schema."""
    kept = [name for name in fields if name in required or rng.random() < 0.6]
    return {name: rng.choice(FIELDS[name][1]) for name in kept}


def faults(value: dict, fields: list[str], rng: random.Random) -> list[dict]:
    """Copies with one wrong field, one that lacks a field, and one with a field too many."""
    found = []
    broken = [name for name in value if FIELDS[name][2]]
    if broken:
        name = rng.choice(broken)
        found.append({**value, name: rng.choice(FIELDS[name][2])})
    if value:
        gone = rng.choice(list(value))
        found.append({name: inner for name, inner in value.items() if name != gone})
    found.append({**value, "unheard_of": 1})
    return found


def single(name: str) -> tuple[dict, list]:
    schema, good, bad = FIELDS[name]
    return copy.deepcopy(schema), [*good, *bad]


def plain(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(2, 9))
    required = [name for name in fields if rng.random() < 0.6]
    schema = closed(fields, required, rng)
    samples = [sample(fields, required, rng) for _ in range(2)]
    return schema, samples + faults(samples[0], fields, rng)


def strict(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(2, 7))
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **closed(fields, fields, rng)}
    samples = [sample(fields, fields, rng) for _ in range(2)]
    return schema, samples + faults(samples[1], fields, rng)


def open_object(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(1, 5))
    required = fields[:1]
    schema = closed(fields, required, rng)
    del schema["additionalProperties"]
    samples = [sample(fields, required, rng) for _ in range(2)]
    return schema, samples + faults(samples[0], fields, rng)


def listed(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(1, 4))
    item = closed(fields, fields, rng)
    schema = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": {"$ref": "#/$defs/item"}, "minItems": 1, "maxItems": 3}, "next": {"type": ["string", "null"]}},
        "required": ["items", "next"],
        "additionalProperties": False,
        "$defs": {"item": item},
    }
    good = sample(fields, fields, rng)
    bad = faults(good, fields, rng)
    return schema, [{"items": [good], "next": None}, {"items": [good, good], "next": "x"}, {"items": [], "next": None}, *({"items": [good, one], "next": ""} for one in bad)]


def tree(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(1, 3))
    node = closed(fields, fields, rng)
    node["properties"]["children"] = {"type": "array", "items": {"$ref": "#"}}
    node["required"] = [*fields, "children"]
    leaf = {**sample(fields, fields, rng), "children": []}
    deep = {**sample(fields, fields, rng), "children": [leaf, {**leaf, "children": [leaf]}]}
    broken = {**leaf, "children": [{**leaf, "children": 1}]}
    return node, [leaf, deep, broken, {**leaf, "children": [{}]}]


def union(rng: random.Random) -> tuple[dict, list]:
    branches, samples = [], []
    for kind in rng.sample(["created", "updated", "deleted", "moved"], 3):
        fields = rng.sample(NAMES, rng.randint(1, 3))
        branch = closed(fields, fields, rng)
        branch["properties"] = {"event": {"const": kind}, **branch["properties"]}
        branch["required"] = ["event", *fields]
        branches.append(branch)
        samples.append({"event": kind, **sample(fields, fields, rng)})
    schema = {rng.choice(["anyOf", "oneOf"]): branches}
    return schema, [*samples, {**samples[0], "event": "lost"}, {"event": samples[1]["event"], **{k: v for k, v in samples[0].items() if k != "event"}}]


def extended(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, 4)
    base = closed(fields[:2], fields[:1], rng)
    more = closed(fields[2:], fields[2:3], rng)
    del base["additionalProperties"], more["additionalProperties"]
    schema = {"allOf": [{"$ref": "#/$defs/base"}, more], "$defs": {"base": base}}
    required = [fields[0], fields[2]]
    samples = [sample(fields, required, rng) for _ in range(2)]
    return schema, samples + faults(samples[0], fields, rng)


def optional(rng: random.Random) -> tuple[dict, list]:
    fields = rng.sample(NAMES, rng.randint(3, 10))
    schema = closed(fields, [], rng)
    schema["minProperties"] = 1
    samples = [sample(fields, [], rng) for _ in range(3)]
    return schema, [*samples, {}, *faults(samples[0], fields, rng)]


def cases() -> list[tuple[str, dict, list]]:
    rng = random.Random(20)
    found = [(name, *single(name)) for name in NAMES]
    for make, count in [(plain, 40), (strict, 24), (open_object, 16), (listed, 16), (tree, 12), (union, 20), (extended, 16), (optional, 20)]:
        found.extend((f"{make.__name__} {index}", *make(rng)) for index in range(count))
    return found


def main() -> None:
    written = []
    for name, schema, instances in cases():
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
        texts = {json.dumps(one): one for one in instances}
        written.append({"name": name, "schema": schema, "instances": [[one, validator.is_valid(one)] for one in texts.values()]})
    verdicts = [valid for case in written for _, valid in case["instances"]]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in written)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    print(f"{len(written)} schemas, {sum(verdicts)} valid and {len(verdicts) - sum(verdicts)} invalid instances")


if __name__ == "__main__":
    main()
