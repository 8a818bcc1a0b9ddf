/**
 * A separate process that trains a few steps: `node limited-run.ts <folder> <paged | plain> <numbers>`. Its test starts it with
 * a memory limit. Prints a digest of the final parameters.
 */
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { f32 } from "../../../shared/tensor.ts";
import { createOnnxRuntimeExecutor } from "../../../trainer/engines/onnxruntime.ts";
import { train } from "../../../trainer/loop/train.ts";
import { initialState } from "../../../trainer/loop/training-state.ts";
import { PageFile } from "../../../trainer/service/page-file.ts";
import { largePlan } from "../loop/large-regression.ts";

const [folder = "", mode, numbers] = process.argv.slice(2);
const parameters = [{ name: "w", shape: [Number(numbers)], decay: true }];
const start = f32([Number(numbers)], new Float32Array(Number(numbers)).fill(0.5));
const pages = mode === "paged" ? new PageFile(folder) : undefined;
const end = await train(
  createOnnxRuntimeExecutor({ threads: 1 }),
  largePlan(parameters, {
    schedule: { kind: "constant", peak: 0.01, warmupSteps: 0, totalSteps: 3 },
    ...(pages === undefined ? {} : { paging: { store: pages, memoryLimit: 0 } }),
  }),
  initialState(parameters, new Map([["w", start]])),
);
const { buffer, byteOffset, byteLength } = end.tensors.w!.data;
console.log(await sha256Hex(new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength)));
