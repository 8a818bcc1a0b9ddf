import { describe, expect, it } from "vitest";
import {
  fromF32,
  parseSafetensors,
  type SafetensorsTensor,
  writeSafetensors,
} from "../../../shared/formats/safetensors.ts";
import { f32 } from "../../../shared/tensor.ts";
import { decodeCheckpoint, encodeCheckpoint } from "../../../trainer/loop/checkpoint.ts";
import type { TrainingState } from "../../../trainer/loop/training-state.ts";

const PARAMETERS = [
  { name: "layers.0.q.lora_A", shape: [2, 3], decay: true },
  { name: "norm", shape: [2], decay: false },
];
const STATE: TrainingState = {
  step: 41,
  trainedTokens: 123_456,
  loss: 0.1 + 0.2,
  tensors: {
    "layers.0.q.lora_A": f32([2, 3], [0.1, -2, 3e-38, 4, 5, 6]),
    "layers.0.q.lora_A#m": f32([2, 3], [1, 2, 3, 4, 5, 1e-45]),
    "layers.0.q.lora_A#v": f32([2, 3], [6, 5, 4, 3, 2, 1]),
    norm: f32([2], [1, 1]),
    "norm#m": f32([2], [0.5, -0.5]),
    "norm#v": f32([2], [0.25, 0.125]),
  },
};
const BYTES = encodeCheckpoint(STATE, "job-1");

const refusal = (bytes: Uint8Array, run = "job-1", parameters = PARAMETERS) => {
  try {
    decodeCheckpoint(bytes, { run, parameters });
  } catch (error) {
    return error;
  }
  return undefined;
};
const corrupt = (message: string | RegExp) =>
  expect.objectContaining({ code: "corrupt_blob", message: expect.stringMatching(message) });

describe("checkpoints", () => {
  it("come back bit for bit, smallest numbers included", () => {
    expect(decodeCheckpoint(BYTES, { run: "job-1", parameters: PARAMETERS })).toEqual(STATE);
    const { loss: _, ...first } = { ...STATE, step: 0 };
    expect(decodeCheckpoint(encodeCheckpoint(first, "job-1"), { run: "job-1", parameters: PARAMETERS })).toEqual(first);
  });

  it("are the same bytes for the same state", () => {
    const { norm, ...rest } = STATE.tensors;
    expect(encodeCheckpoint({ ...STATE, tensors: { ...rest, norm: norm! } }, "job-1")).toEqual(BYTES);
  });

  it("of another run are refused", () => {
    expect(refusal(BYTES, "job-2")).toEqual(corrupt("the checkpoint is not one of run job-2"));
  });

  it("that are no checkpoint are refused", () => {
    const { tensors } = parseSafetensors(BYTES);
    const meta = { format: "trimtab.training-state/1", run: "job-1", step: "41", trained_tokens: "7" };
    const written = (metadata: Record<string, string>) => refusal(writeSafetensors(tensors, metadata));
    expect(written(meta)).toBeUndefined();
    expect(written({})).toEqual(corrupt("not one of run job-1"));
    expect(written({ ...meta, format: "trimtab.training-state/2" })).toEqual(corrupt("not one of run job-1"));
    expect(written({ ...meta, step: "-1" })).toEqual(corrupt("not one of run job-1"));
    expect(written({ ...meta, trained_tokens: "many" })).toEqual(corrupt("not one of run job-1"));
  });

  it("that were cut off or scribbled over are refused", () => {
    expect(refusal(BYTES.slice(0, -1))).toEqual(corrupt(""));
    expect(refusal(new Uint8Array(0))).toEqual(corrupt(""));
    const scribbled = BYTES.slice();
    scribbled[20] = 0xff;
    expect(refusal(scribbled)).toEqual(corrupt(""));
  });

  it("must hold exactly the parameters of the run and their moments", () => {
    const wider = [{ ...PARAMETERS[0]!, shape: [3, 2] }, PARAMETERS[1]!];
    expect(refusal(BYTES, "job-1", wider)).toEqual(
      corrupt("the checkpoint has no tensor layers.0.q.lora_A of shape \\[3, 2\\]"),
    );
    const other = [...PARAMETERS, { name: "head", shape: [1], decay: true }];
    expect(refusal(BYTES, "job-1", other)).toEqual(corrupt("the checkpoint has no tensor head of shape \\[1\\]"));
    expect(refusal(BYTES, "job-1", PARAMETERS.slice(0, 1))).toEqual(
      corrupt("the checkpoint holds 6 tensors, expected 3"),
    );
    const { metadata, tensors } = parseSafetensors(BYTES);
    const half = { dtype: "F16", shape: [2], bytes: fromF32(Float32Array.of(1, 1), "F16") } as const;
    expect(
      refusal(writeSafetensors(new Map<string, SafetensorsTensor>([...tensors, ["norm#v", half]]), metadata)),
    ).toEqual(corrupt("the checkpoint's tensor norm#v is F16, expected F32"));
  });
});
