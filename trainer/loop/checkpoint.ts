import { z } from "zod";
import { TrimtabError } from "../../shared/errors.ts";
import { parseSafetensors, toF32, writeSafetensors } from "../../shared/formats/safetensors.ts";
import type { Parameter } from "../../shared/peft/method.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { slots } from "../optim/adamw.ts";
import { decodeSections, encodeSections, fileTensor, isSectionTensor, SECTIONS_FIELD } from "./section-codec.ts";
import type { SectionSpecs } from "./sections.ts";
import type { TrainingState } from "./training-state.ts";

const FORMAT = "trimtab.training-state/1";

const metadataSchema = z.object({
  format: z.literal(FORMAT),
  run: z.string(),
  step: z.coerce.number().int().min(0),
  trained_tokens: z.coerce.number().int().min(0),
  loss: z.coerce.number().optional(),
  [SECTIONS_FIELD]: z.string().optional(),
});

/** The state as one safetensors file. `run` names the run it belongs to, so that no other resumes from it. */
export function encodeCheckpoint(state: TrainingState, run: string): Uint8Array {
  const tensors = Object.entries(state.tensors).map(([name, value]) => [name, fileTensor(value)] as const);
  const sections = encodeSections(state.sections);
  return writeSafetensors(new Map([...tensors, ...sections.tensors]), {
    format: FORMAT,
    run,
    step: String(state.step),
    trained_tokens: String(state.trainedTokens),
    ...(state.loss === undefined ? {} : { loss: String(state.loss) }),
    ...sections.metadata,
  });
}

/** The contents that a checkpoint needs for a run to resume from it. */
export interface ExpectedState {
  readonly run: string;
  readonly parameters: readonly Parameter[];
  /** The method's memory from step to step; only the shapes matter here. */
  readonly memory?: ReadonlyMap<string, Tensor> | undefined;
  /** The sections that the objective carries from step to step. */
  readonly sections?: SectionSpecs | undefined;
}

/**
 * The inverse of `encodeCheckpoint`. Throws `corrupt_blob` if the file is damaged, belongs to another run, or does not hold
 * exactly the expected tensors and sections.
 */
export function decodeCheckpoint(
  bytes: Uint8Array,
  { run, parameters, memory = new Map(), sections: specs = {} }: ExpectedState,
): TrainingState {
  const { metadata, tensors: stored } = parseSafetensors(bytes, { code: "corrupt_blob" });
  const parsed = metadataSchema.safeParse(metadata);
  if (!parsed.success || parsed.data.run !== run) {
    throw new TrimtabError("corrupt_blob", `the checkpoint is not one of run ${run}`, { data: { metadata } });
  }
  const ofSections = new Map([...stored].filter(([name]) => isSectionTensor(name)));
  const tensors = new Map([...stored].filter(([name]) => !isSectionTensor(name)));
  const sections = decodeSections(specs, ofSections, parsed.data[SECTIONS_FIELD]);
  const restored: Record<string, Tensor> = {};
  const expected = parameters.flatMap(({ name, shape }) => {
    const { parameter, m, v } = slots(name);
    return [parameter, m, v].map((slot) => [slot, shape] as const);
  });
  for (const [name, { shape }] of memory) expected.push([name, shape]);
  for (const [slot, shape] of expected) {
    const tensor = tensors.get(slot);
    if (tensor === undefined || tensor.shape.join() !== shape.join()) {
      throw new TrimtabError("corrupt_blob", `the checkpoint has no tensor ${slot} of shape [${shape.join(", ")}]`);
    }
    if (tensor.dtype !== "F32") {
      throw new TrimtabError("corrupt_blob", `the checkpoint's tensor ${slot} is ${tensor.dtype}, expected F32`);
    }
    restored[slot] = f32(shape, toF32(tensor));
  }
  if (Object.keys(restored).length !== tensors.size) {
    throw new TrimtabError(
      "corrupt_blob",
      `the checkpoint holds ${tensors.size} tensors, expected ${Object.keys(restored).length}`,
    );
  }
  const { step, trained_tokens: trainedTokens, loss } = parsed.data;
  return {
    step,
    trainedTokens,
    ...(loss === undefined ? {} : { loss }),
    tensors: restored,
    ...(Object.keys(sections).length === 0 ? {} : { sections }),
  };
}
