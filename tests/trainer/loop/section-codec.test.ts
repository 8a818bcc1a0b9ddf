import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseSafetensors, type SafetensorsTensor, writeSafetensors } from "../../../shared/formats/safetensors.ts";
import { f32, i64, tensor } from "../../../shared/tensor.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import type { SectionSpecs } from "../../../trainer/loop/sections.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";

const parameters = [{ name: "w", shape: [1], decay: true }];
const anything = z.unknown();
const specs: SectionSpecs = {
  buffer: {
    initial: { tensors: {}, json: null },
    tensors: {
      ids: { dtype: "i64", shape: [null] },
      mask: { dtype: "u8", shape: [3] },
      score: { dtype: "f64", shape: [] },
      slots: { dtype: "i32", shape: [2] },
      rewards: { dtype: "f32", shape: [null] },
    },
    json: z.null(),
  },
  controller: { initial: { tensors: {}, json: { beta: 0 } }, tensors: {}, json: z.strictObject({ beta: z.number() }) },
};
const state: TrainingState = {
  step: 2,
  trainedTokens: 5,
  tensors: { w: f32([1], [1]), "w#m": f32([1], [2]), "w#v": f32([1], [3]) },
  sections: {
    buffer: {
      tensors: {
        ids: i64([2], [7, 2 ** 40]),
        mask: tensor("u8", [3], Uint8Array.of(1, 0, 255)),
        score: tensor("f64", [], Float64Array.of(0.1)),
        slots: tensor("i32", [2], Int32Array.of(-1, 9)),
        rewards: f32([1], [0.1]),
      },
      json: null,
    },
    controller: { tensors: {}, json: { beta: 0.30000000000000004 } },
  },
};
const BYTES = encodeCheckpoint(state, "run");
const decode = (bytes: Uint8Array, sections: SectionSpecs | undefined = specs) =>
  decodeCheckpoint(bytes, { run: "run", parameters, sections });

describe("sections in a checkpoint", () => {
  it("come back bit for bit, of every dtype", () => {
    expect(decode(BYTES)).toEqual(state);
    expect(encodeCheckpoint(decode(BYTES), "run")).toEqual(BYTES);
  });

  it("leave no trace where there are none", () => {
    const { sections: _, ...plain } = state;
    expect(decode(encodeCheckpoint(plain, "run"), {})).toEqual(plain);
    expect(encodeCheckpoint({ ...plain, sections: {} }, "run")).toEqual(encodeCheckpoint(plain, "run"));
  });

  it("must all be there, and no others", () => {
    const { buffer, controller } = state.sections!;
    const without = encodeCheckpoint({ ...state, sections: { buffer: buffer! } }, "run");
    expect(() => decode(without)).toThrow("the checkpoint has no section controller");
    const { sections: _, ...plain } = state;
    expect(() => decode(encodeCheckpoint(plain, "run"))).toThrow("the checkpoint has no section buffer");
    expect(() => decode(BYTES, { controller: specs.controller! })).toThrow("has a section buffer, which this run");
    expect(() => decode(BYTES, {})).toThrow("has a section buffer");
    const narrower = { ...specs, buffer: { ...specs.buffer!, tensors: {} } };
    expect(() => decode(BYTES, narrower)).toThrow(
      /does not fit in its section buffer: it has a tensor \w+ that nothing expects/,
    );
    const wrong = { ...state, sections: { buffer: buffer!, controller: { ...controller!, json: {} } } };
    expect(() => decode(encodeCheckpoint(wrong, "run"))).toThrow("does not fit in its section controller");
    const ofDeclared = { one: { initial: { tensors: {}, json: 0 }, tensors: {}, json: anything } };
    expect(() => decode(encodeCheckpoint(plain, "run"), ofDeclared)).toThrow("has no section one");
  });

  it("may be missing where they are optional, as in a checkpoint from before they existed", () => {
    const one = { initial: { tensors: {}, json: 7 }, tensors: {}, json: anything, optional: true };
    expect(decode(BYTES, { ...specs, one }).sections).toEqual({ ...state.sections, one: one.initial });
    const { sections: _, ...plain } = state;
    expect(decode(encodeCheckpoint(plain, "run"), { one }).sections).toEqual({ one: one.initial });
  });

  it("are refused where somebody scribbled over them", () => {
    const { metadata, tensors } = parseSafetensors(BYTES);
    for (const text of ["{", "[]", "7"]) {
      const bytes = writeSafetensors(tensors, { ...metadata, sections: text });
      expect(() => decode(bytes)).toThrow(
        expect.objectContaining({
          code: "corrupt_blob",
          message: "the checkpoint has sections that are not a JSON object",
        }),
      );
    }
    const half: SafetensorsTensor = { dtype: "F16", shape: [1], bytes: Uint8Array.of(0, 0) };
    const bytes = writeSafetensors(
      new Map<string, SafetensorsTensor>([...tensors, ["section:buffer/rewards", half]]),
      metadata,
    );
    expect(() => decode(bytes)).toThrow("a tensor section:buffer/rewards of dtype F16");
  });
});
