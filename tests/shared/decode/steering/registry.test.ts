import { expect, it } from "vitest";
import { partNamed, STEERING, STEERING_NAMES } from "../../../../shared/decode/steering/registry.ts";
import { STEERING_CASES } from "../../../contract/steering-cases.ts";

it("gives every part under its name", () => {
  for (const name of STEERING_NAMES) expect(partNamed(name)).toBe(STEERING[name]);
});

it("places every reference under its part's name, where the request has the id", () => {
  for (const name of STEERING_NAMES) {
    const part = partNamed(name);
    for (const asked of STEERING_CASES[name].active) {
      const request = { [name]: part.schema.parse(asked) };
      const references = part.references?.(request[name]) ?? [];
      expect(new Set(references.map(({ at }) => at)).size).toBe(references.length);
      for (const { at, id } of references) expect(valueAt(request, at), at).toBe(id);
    }
  }
});

/** `experts[0].id` */
function valueAt(value: unknown, path: string): unknown {
  const steps = path.replaceAll("]", "").split(/[.[]/);
  return steps.reduce((inner, step) => (inner as Readonly<Record<string, unknown>>)[step], value);
}
