import { expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import { drawValue, gridValues } from "../../../shared/trials/axis-values.ts";

it("has the values of a list as they are, whatever they are", () => {
  const values = [{ type: "lora" }, "auto", 3, [1]];
  expect(gridValues({ path: "peft", values })).toBe(values);
  const { value, index } = drawValue({ path: "peft", values }, createRandom(1, "x"));
  expect(value).toBe(values[index!]);
});

it("keeps whole numbers and six digits within the range", () => {
  const random = createRandom(3, "x");
  for (let draw = 0; draw < 200; draw++) {
    const { value, index } = drawValue({ path: "x", min: 1.5, max: 3.5, integer: true }, random);
    expect([2, 3]).toContain(value);
    expect(index).toBeNull();
    const real = drawValue({ path: "x", min: 1e-5, max: 1, scale: "log" }, random).value as number;
    expect(real).toBe(Number(real.toPrecision(6)));
  }
});
