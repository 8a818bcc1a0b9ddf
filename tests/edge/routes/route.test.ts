import { describe, expect, it } from "vitest";
import { z } from "zod";
import { createApp } from "../../../edge/routes/app.ts";
import { HoldHeaders, heldJob } from "../../../edge/routes/route.ts";
import { requestError } from "../../../shared/api/parse.ts";

it("a trainer's headers say which job of whose it holds", () => {
  const headers = HoldHeaders.parse({ "x-trimtab-tenant": "acme", "x-trimtab-fence": "7", host: "x" });
  expect(heldJob("j", headers)).toEqual({ tenant: "acme", hold: { job: "j", fence: 7 } });
  for (const fence of ["", "0", "-1", "1.5", "x"]) {
    expect(HoldHeaders.safeParse({ "x-trimtab-tenant": "acme", "x-trimtab-fence": fence }).success).toBe(false);
  }
});

describe("what schemas refuse", () => {
  const RAW = /Invalid|Too (big|small)|Unrecognized|expected|received|1 entries|1 characters/;
  const JUNK = [undefined, null, 5, -1.5, 1e99, "", "x", "x".repeat(5000), true, [], {}, [[]], [{}], { nope: 1 }];

  /** Values that go wrong at every depth of a schema: junk in place of each field, entry and branch. */
  function* wrongValues(schema: z.core.$ZodType, depth = 0): Generator<unknown> {
    yield* JUNK;
    if (depth > 8) return;
    const { def } = schema._zod as unknown as { def: Record<string, unknown> };
    const inner = (name: string) => def[name] as z.core.$ZodType | undefined;
    for (const [field, value] of Object.entries((def.shape ?? {}) as Record<string, z.core.$ZodType>)) {
      for (const wrong of wrongValues(value, depth + 1)) yield { [field]: wrong };
    }
    const element = inner("element");
    if (element !== undefined) for (const wrong of wrongValues(element, depth + 1)) yield [wrong];
    const value = inner("valueType");
    if (value !== undefined) for (const wrong of wrongValues(value, depth + 1)) yield { key: wrong };
    for (const option of (def.options ?? []) as z.core.$ZodType[]) yield* wrongValues(option, depth + 1);
    for (const name of ["innerType", "in", "out", "left", "right"]) {
      const wrapped = inner(name);
      if (wrapped !== undefined) yield* wrongValues(wrapped, depth + 1);
    }
  }

  it("is worded in plain sentences, for every schema of every request and at every depth", () => {
    const schemas = createApp().openAPIRegistry.definitions.flatMap((definition) => {
      if (definition.type !== "route") return [];
      const { body, query, params, headers } = definition.route.request ?? {};
      const bodies = Object.values(body?.content ?? {}).map((content) =>
        content !== undefined && "schema" in content ? content.schema : undefined,
      );
      return [...bodies, query, params, headers].filter((schema) => schema !== undefined && "_zod" in schema);
    }) as z.ZodType[];
    expect(schemas.length).toBeGreaterThan(30);
    let refused = 0;
    for (const schema of schemas) {
      for (const wrong of wrongValues(schema)) {
        for (const issue of schema.safeParse(wrong).error?.issues ?? []) {
          const { message } = requestError(new z.core.$ZodError([issue]), wrong);
          const text = message.replaceAll(/"(?:[^"\\]|\\.)*"|`[^`]*`|\/.*\//g, "…");
          if (RAW.test(text)) expect.fail(`${JSON.stringify(wrong)}: ${message}`);
          refused += 1;
        }
      }
    }
    expect(refused).toBeGreaterThan(1000);
  });
});
