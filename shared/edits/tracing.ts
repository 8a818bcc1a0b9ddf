/** `tracing.json`: where a model recalls facts, by causal tracing. An artefact of a base where it is of the base's own facts. */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";

export const TRACING_FILE = "tracing.json";
export const TRACING_FORMAT = "trimtab.tracing/1";

/** Tokens of a prompt whose states are restored. `next` follows the subject; a prompt need not have all. */
export const TRACED_PLACES = ["subject_first", "subject_middle", "subject_last", "next", "last"] as const;
export type TracedPlace = (typeof TRACED_PLACES)[number];
export const TRACED_KINDS = ["mlp", "stream"] as const;

const Effects = z.partialRecord(z.enum(TRACED_PLACES), z.array(z.number())).meta({
  description: "By place, for each layer: the mean gain of the answer's probability where the state was restored",
});

export const Tracing = z
  .strictObject({
    format: z.literal(TRACING_FORMAT),
    layers: z.int().min(1),
    source: z.enum(["base", "file"]).meta({ description: "Whose facts they are" }),
    facts: z.int().min(1),
    /** Draws of the noise for each fact, and its standard deviation over that of the embeddings. */
    samples: z.int().min(1),
    noise: z.number(),
    clean: z.number().meta({ description: "Mean probability of the answers" }),
    corrupted: z.number().meta({ description: "The same with noise on the subject" }),
    mlp: Effects,
    stream: Effects,
    best_layer: z.int().min(0).meta({ description: "Where the MLP at the subject's last token restores most" }),
  })
  .meta({ id: "Tracing" });
export type Tracing = z.output<typeof Tracing>;

export async function tracingName(of: {
  readonly samples: number;
  readonly noise: number;
  readonly facts: number;
  /** Identifies the facts, in their order. */
  readonly texts: string;
}): Promise<string> {
  const key = [TRACING_FORMAT, of.samples, of.noise, of.facts, of.texts];
  const hash = await sha256Hex(new TextEncoder().encode(JSON.stringify(key)));
  return `tracing.${hash.slice(0, 32)}.json`;
}

export function encodeTracing(tracing: Tracing): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(Tracing.parse(tracing), null, 1)}\n`);
}

/** Throws `corrupt_blob` for bytes that `encodeTracing` did not write. */
export function decodeTracing(bytes: Uint8Array): Tracing {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    value = undefined;
  }
  const parsed = Tracing.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new TrimtabError("corrupt_blob", `the tracing is not of the format ${TRACING_FORMAT}`);
}
