import { expect, it } from "vitest";
import { flattened, flatWidth, keyWidth, statesOf } from "../../../../shared/peft/prefix/flat-prefix.ts";
import { f32 } from "../../../../shared/tensor.ts";
import { peftGolden } from "../../../support/peft-golden.ts";

const { config } = await peftGolden("prefix");
const [width, part] = [flatWidth(config), keyWidth(config)];
const flat = f32(
  [3, width],
  Float32Array.from({ length: 3 * width }, (_, at) => at),
);

it("is as wide as the keys and values of all layers", () => {
  expect([part, width]).toEqual([config.kvHeads * config.headDim, 2 * 2 * config.kvHeads * config.headDim]);
});

it("holds of each position the first layer's key and value, then the second's", () => {
  const states = statesOf(config, flat);
  expect(states).toHaveLength(config.layers);
  const at = (position: number, index: number) => position * width + index;
  const [first, second] = states as [(typeof states)[number], (typeof states)[number]];
  expect([first.key.shape, second.value.shape]).toEqual([
    [3, part],
    [3, part],
  ]);
  expect(first.key.data[0]).toBe(at(0, 0));
  expect(first.value.data[1]).toBe(at(0, part + 1));
  expect(second.key.data[2 * part]).toBe(at(2, 2 * part));
  expect(second.value.data.at(-1)).toBe(at(2, width - 1));
});

it("comes back from its states", () => {
  expect(flattened(config, statesOf(config, flat))).toEqual(flat);
});
