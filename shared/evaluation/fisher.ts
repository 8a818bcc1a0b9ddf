/** `fisher.<hash>.safetensors`, an artefact of a base: the diagonal of its Fisher information over texts. */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import { parseSafetensors, toF32, writeSafetensors } from "../formats/safetensors.ts";
import { f32, type Tensor } from "../tensor.ts";

const FORMAT = "trimtab.fisher/1";

const About = z.strictObject({
  source: z.enum(["corpus", "sampled"]).meta({ description: "The base's own texts, or texts that it wrote" }),
  samples: z.int().min(1).meta({ description: "Texts; each gives one gradient" }),
  tokens: z.int().min(1),
  /** Σ |F − F of the first half| / Σ F: 0 where more texts would change nothing. */
  half_difference: z.number().min(0),
});

export interface Fisher extends z.output<typeof About> {
  /** For each weight, E[(∂ log p / ∂w)²] per token, in the weight's layout in graphs. */
  readonly diagonal: ReadonlyMap<string, Tensor<"f32">>;
}

/** The artefact's name; `texts` identifies the texts in their order. */
export async function fisherName(texts: string): Promise<string> {
  const hash = await sha256Hex(new TextEncoder().encode(JSON.stringify([FORMAT, texts])));
  return `fisher.${hash.slice(0, 32)}.safetensors`;
}

export function encodeFisher({ diagonal, ...about }: Fisher): Uint8Array {
  const tensors = [...diagonal].map(([name, { shape, data }]) => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return [name, { dtype: "F32", shape, bytes }] as const;
  });
  return writeSafetensors(new Map(tensors), { format: FORMAT, about: JSON.stringify(About.parse(about)) });
}

/** Throws `corrupt_blob` for bytes that `encodeFisher` did not write. */
export function decodeFisher(bytes: Uint8Array): Fisher {
  const { metadata, tensors } = parseSafetensors(bytes, {
    code: "corrupt_blob",
    name: "the Fisher information",
    finite: true,
  });
  const about = metadata.format === FORMAT ? About.safeParse(readJson(metadata.about)) : undefined;
  if (about?.success !== true || [...tensors.values()].some(({ dtype }) => dtype !== "F32")) {
    throw new TrimtabError("corrupt_blob", `the Fisher information is not of the format ${FORMAT}`);
  }
  const diagonal = [...tensors].map(([name, one]) => [name, f32(one.shape, toF32(one))] as const);
  return { ...about.data, diagonal: new Map(diagonal) };
}

function readJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
