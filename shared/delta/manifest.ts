/**
 * What a delta says about itself: where it came from and what it fits. Read strictly: a field that is not known is an
 * error, so that a manifest never promises what nobody checks.
 */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { parseStrictJson } from "../formats/strict-json.ts";

export const MANIFEST_FILE = "manifest.json";

const digest = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 digest of 64 lower-case hexadecimal digits");

export const Manifest = z.strictObject({
  format: z.literal("trimtab.delta/1"),
  /** The base model's name, for people; what counts is its digest. */
  base_model: z.string().min(1).max(256),
  base_digest: digest,
  tokenizer_digest: digest,
  /** What made it. */
  methods: z
    .array(z.string().regex(/^[a-z][a-z0-9_]{0,31}$/))
    .min(1)
    .max(64),
  /**
   * In what form the base's linear weights were while it was trained, under the names of transformers' BitsAndBytesConfig:
   * what it is merged onto. Left out for the base as it is.
   */
  base_quantization: z
    .strictObject({ bnb_4bit_quant_type: z.literal("nf4"), bnb_4bit_use_double_quant: z.boolean() })
    .optional(),
  /** The datasets it was trained on. */
  data_digests: z.array(digest).max(64),
  metrics: z.record(z.string().max(64), z.number()),
  /** Digests of the deltas that this one goes on from. */
  parents: z.array(digest).max(64),
  /** How the parents became one, their weights in their order; left out where the delta was trained. */
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
  trainable_parameters: z.int().min(1),
  /** Unix seconds. The job's creation, not the clock at the end: the same job makes the same bytes. */
  created_at: z.int().min(0),
  /** SHA-256 of the canonical serving form. */
  digest,
});
export type Manifest = z.infer<typeof Manifest>;

/** Throws `internal_error` when the manifest would not be read again. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const parsed = Manifest.safeParse(manifest);
  if (!parsed.success) {
    throw new TrimtabError("internal_error", `the manifest is not valid: ${z.prettifyError(parsed.error)}`);
  }
  return new TextEncoder().encode(`${JSON.stringify(parsed.data, null, 2)}\n`);
}

/** Throws `invalid_delta` naming the field that is wrong. */
export function parseManifest(bytes: Uint8Array): Manifest {
  const json = parseStrictJson(new TextDecoder().decode(bytes), MANIFEST_FILE, "invalid_delta");
  const parsed = Manifest.safeParse(json);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  throw new TrimtabError("invalid_delta", `${MANIFEST_FILE}: ${[...issue.path, issue.message].map(String).join(": ")}`);
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
      `the delta was made for ${manifest.base_model} with the ${what} ${wanted.slice(0, 12)}…, not for the one with ${given.slice(0, 12)}…`,
      { data: { wanted, given } },
    );
  }
}
