import { readFileSync } from "node:fs";
import { parseSafetensors, toF32 } from "../../../shared/formats/safetensors.ts";

const folder = new URL("../../golden/nf4/", import.meta.url);
const { tensors } = parseSafetensors(readFileSync(new URL("nf4.safetensors", folder)));
const names = JSON.parse(readFileSync(new URL("nf4.json", folder), "utf8")) as {
  readonly cases: readonly string[];
  readonly blockwise: readonly string[];
  readonly means: readonly (readonly [number, number])[];
};

/** The cases that bitsandbytes quantised to 4 bits, and those that it quantised to 8. */
export const { cases, blockwise } = names;

/** [n, the mean of `ramp(n)`]. */
export const { means } = names;

export const ramp = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => ((i * 7919) % 10007) / 10007 + 0.5);

export const floats = (name: string): Float32Array => toF32(tensors.get(name)!);
export const bytes = (name: string): Uint8Array => tensors.get(name)!.bytes.slice();

/** The bits, because equal numbers may differ in the sign of a zero. */
export const bits = (values: Float32Array): number[] => [...new Uint32Array(values.slice().buffer)];
