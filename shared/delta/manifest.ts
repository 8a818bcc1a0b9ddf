/**
 * The manifest of a delta: where it comes from and what it fits. Unknown fields are errors, so that a manifest never makes
 * a claim that nobody checks.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseStrictJson } from "../formats/strict-json.ts";
import { wordIssue } from "../issue-words.ts";
import { LIMITS } from "../limits.ts";
import { Label, SCORER_MODES } from "./scorer.ts";
import { SteeringFacts } from "./steering.ts";

export const MANIFEST_FILE = "manifest.json";

const digest = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 digest of 64 lower-case hexadecimal digits");

export const Manifest = z.strictObject({
  format: z.literal("trimtab.delta/1"),
  /** The base model's name, for display; the digest identifies it. */
  base_model: z.string().min(1).max(256),
  base_digest: digest,
  tokenizer_digest: digest,
  /** The methods that made the delta. */
  methods: z
    .array(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/))
    .min(1)
    .max(64),
  /**
   * The quantisation of the base's linear weights during training, in the fields of transformers' BitsAndBytesConfig. The
   * delta must be merged into weights of this form. Absent for an unquantised base.
   */
  base_quantization: z
    .strictObject({ bnb_4bit_quant_type: z.literal("nf4"), bnb_4bit_use_double_quant: z.boolean() })
    .optional(),
  /** The datasets that the delta was trained on. */
  data_digests: z.array(digest).max(64),
  metrics: z.record(z.string().max(64), z.number()),
  /** The digests of the deltas that this one was made from. */
  parents: z.array(digest).max(64),
  /** How the parents were merged, with their weights in the order of `parents`. Absent if the delta was trained. */
  merge: z
    .strictObject({
      method: z.string().regex(/^[a-z][a-z0-9_]{0,31}$/),
      weights: z.array(z.number()).min(1).max(64),
      rank: z.int().min(1).optional(),
      density: z.number().gt(0).max(1).optional(),
      majority_sign_method: z.enum(["total", "frequency"]).optional(),
      seed: z.int().min(0).optional(),
    })
    .optional(),
  /** How its steering vectors were made, and when they apply. Absent for other deltas. */
  steering: SteeringFacts.optional(),
  /** What the delta's scorer tells apart, and the ways in which it was calibrated. Absent without a scorer. */
  scorer: z
    .strictObject({ labels: z.array(Label).min(1).max(LIMITS.labels), modes: z.array(z.enum(SCORER_MODES)).max(8) })
    .optional(),
  trainable_parameters: z.int().min(1),
  /**
   * Unix seconds. When the job was created, not when it finished, so that the same job gives the same bytes. Absent for an upload
   * that does not say when it was made: the time of the upload would make another delta of the same files.
   */
  created_at: z.int().min(0).optional(),
  /** SHA-256 of the canonical serving form. */
  digest,
});
export type Manifest = z.infer<typeof Manifest>;

/** Throws `internal_error` for a manifest that `parseManifest` would reject. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const parsed = Manifest.safeParse(manifest);
  if (!parsed.success) {
    throw new TrimtabError("internal_error", `the manifest is not valid: ${z.prettifyError(parsed.error)}`);
  }
  return new TextEncoder().encode(`${JSON.stringify(parsed.data, null, 2)}\n`);
}

/** Throws `invalid_delta`, naming the field that is wrong. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const json = parseStrictJson(new TextDecoder().decode(bytes), MANIFEST_FILE, "invalid_delta");
  const parsed = Manifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const { field, problem } = wordIssue(parsed.error, json);
  throw new TrimtabError("invalid_delta", `${MANIFEST_FILE}: ${field} ${problem}`);
}

/** Throws `invalid_delta` where a manifest that is about to be kept has so many metrics that lists of deltas would be long. */
export function requireFewMetrics({ metrics }: Pick<Manifest, "metrics">): void {
  const count = Object.keys(metrics).length;
  if (count <= LIMITS.metrics) return;
  throw new TrimtabError(
    "invalid_delta",
    `${MANIFEST_FILE} has ${count} metrics; at most ${LIMITS.metrics} are kept. Leave the others out.`,
  );
}

/** Throws `invalid_delta` when the delta was made for another base or tokenizer. */
export function requireBase(
  manifest: Manifest,
  base: { readonly digest: string; readonly tokenizerDigest: string },
): void {
  for (const [what, wanted, given] of [
    ["base model", manifest.base_digest, base.digest],
    ["tokenizer", manifest.tokenizer_digest, base.tokenizerDigest],
  ] as const) {
    if (wanted === given) continue;
    throw new TrimtabError(
      "invalid_delta",
      `the delta was made for ${manifest.base_model} with ${what} digest ${wanted.slice(0, 12)}…, but this ${what} has digest ${given.slice(0, 12)}…`,
      { data: { wanted, given } },
    );
  }
}
