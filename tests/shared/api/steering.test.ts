import { describe, expect, it } from "vitest";
import { z } from "zod";
import { requestError } from "../../../shared/api/parse.ts";
import { SteeringField, SteeringObject, SteeringTraces } from "../../../shared/api/steering.ts";
import { STEERING_NAMES } from "../../../shared/decode/steering/registry.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
/** The properties without a description, as paths. */
function undescribed(schema: unknown, at: string): string[] {
  if (typeof schema !== "object" || schema === null) return [];
  return Object.entries(schema).flatMap(([key, inner]: [string, unknown]) => {
    if (key !== "properties") return undescribed(inner, at);
    return Object.entries(inner as Record<string, { description?: string; $ref?: string }>).flatMap(
      ([name, property]) => [
        // What a reference leads to has a description of its own.
        ...(property.description === undefined && property.$ref === undefined ? [`${at}.${name}`] : []),
        ...undescribed(property, `${at}.${name}`),
      ],
    );
  });
}

const errorOf = (value: unknown) => requestError(SteeringObject.safeParse(value).error!, value);

describe("SteeringObject", () => {
  it("has every part of the registry, none of them required", () => {
    expect(Object.keys(SteeringObject.shape)).toEqual(expect.arrayContaining(STEERING_NAMES));
    expect(SteeringObject.parse({})).toEqual({});
  });

  it("fills in what is left out of the parts that are there", () => {
    expect(
      SteeringObject.parse({
        guidance: {},
        layers: {},
        experts: [{ id: "kind", weight: 2 }],
        contrastive: { amateur: { delta: { id: "rude" } } },
        classifier: [{ id: "tone", label: "kind", mode: "class_rows" }],
      }),
    ).toEqual({
      guidance: { scale: 1.5 },
      layers: { candidates: "low", relative_top: 0.1 },
      experts: [{ id: "kind", weight: 2 }],
      contrastive: { amateur: { delta: { id: "rude", weight: 1 } }, alpha: 0.1, temperature: 0.5 },
      classifier: [
        {
          id: "tone",
          label: "kind",
          mode: "class_rows",
          strength: 30,
          filter: 0.8,
          relative_top: 0.05,
          keep_above: 0.8,
        },
      ],
    });
  });

  it.each([
    [{ guidence: {} }, "guidence", "Unknown field"],
    [{ guidance: { scale: 21 } }, "guidance.scale", "at most 20"],
    [{ experts: [{ id: "a", weight: 1 }, { id: "b" }] }, "experts[1].weight", "required"],
    [{ experts: { members: [{ id: "a", weight: 99 }] } }, "experts.members[0].weight", "at most 20"],
    [{ contrastive: {} }, "contrastive.amateur", "required"],
    [{ contrastive: { amateur: { delta: { id: "a", weight: 9 } } } }, "contrastive.amateur.delta.weight", "at most 8"],
    [
      { contrastive: { amateur: { model: "a", delta: { id: "b" } } } },
      "contrastive.amateur.delta",
      "left out beside `model`",
    ],
    [{ classifier: [{ id: "a", label: "b" }] }, "classifier[0].mode", '"lookahead", "class_rows", "token_values"'],
    [{ classifier: [{ id: "a", label: "b", mode: "token_values", top_k: 3 }] }, "classifier[0].top_k", "Unknown field"],
    [
      { classifier: [{ id: "a", label: "b", mode: "lookahead", strength: -1, target: 0.5 }] },
      "classifier[0].strength",
      "must not be below 0 beside `target`",
    ],
    [{ layers: { candidates: [1, 1] } }, "layers.candidates", "must differ from each other"],
  ])("names what is wrong in %j", (value, param, message) => {
    const error = errorOf(value);
    expect(error.param).toBe(param);
    expect(error.message).toContain(message);
  });
});

it.each([
  ["regex", "a".repeat(4097), "regex", "at most 4096 characters"],
  ["grammar", "a".repeat(32_769), "grammar", "at most 32768 characters"],
  ["choice", numbers(1001), "choice", "at most 1000 entries"],
  ["banned", numbers(257), "banned", "at most 256 entries"],
  ["required", numbers(9), "required", "at most 8 entries"],
  ["required", ["a".repeat(257)], "required[0]", "at most 256 characters"],
])("rules are bounded where they are compiled with the same bounds: %s", (field, value, at, message) => {
  const error = errorOf({ rules: { [field]: value } });
  expect(error.param).toBe(`rules.${at}`);
  expect(error.message).toContain(message);
});

it("a scorer's name stands for the scorer with its defaults", () => {
  expect(SteeringObject.parse({ rules: { scorer: "polite" } })).toEqual(
    SteeringObject.parse({ rules: { scorer: { name: "polite" } } }),
  );
});

it("a field is a preset's name or an object, and has a JSON schema for the documents", () => {
  expect(SteeringField.parse("calm@3")).toBe("calm@3");
  expect(SteeringField.safeParse(3).success).toBe(false);
  for (const io of ["input", "output"] as const) expect(z.toJSONSchema(SteeringField, { io }).anyOf).toHaveLength(2);
});

it("every field of the object and of a trace says what it is", () => {
  for (const schema of [SteeringObject, SteeringTraces]) {
    expect(undescribed(z.toJSONSchema(schema, { io: "input", reused: "inline" }), "")).toEqual([]);
  }
});

it("a trace has one entry for each token", () => {
  const token = { id: 3, token: " a", before: 0.25, after: 0.5 };
  const entry = {
    ...token,
    kl: 0.1,
    top: [token],
    changes: [{ part: "layers", before: 0.25, after: 0.5, kl: 0.1 }],
    parts: {},
  };
  expect(SteeringTraces.parse([entry])).toEqual([entry]);
  expect(SteeringTraces.safeParse([{ ...entry, kl: undefined }]).success).toBe(false);
});
