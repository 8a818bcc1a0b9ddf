/**
 * A published delta: the PEFT folder, its canonical serving form and the manifest, which agree with one another.
 */
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import type { ModelConfig } from "../model/config.ts";
import { canonicalLora, changesNothing, encodeCanonical, SERVING_FILE } from "./canonical.ts";
import { encodeManifest, MANIFEST_FILE, type Manifest, parseManifest, requireBase } from "./manifest.ts";
import { type LoraAdapter, readPeftFolder, writePeftFolder } from "./peft-folder.ts";

/** What the caller knows about a delta; the rest of the manifest follows from the adapter. */
export type Provenance = Omit<Manifest, "format" | "methods" | "trainable_parameters" | "digest">;

/**
 * The files of a LoRA delta. Equal adapters and provenance give equal bytes.
 * Throws `invalid_delta` when the adapter would change nothing.
 */
export async function writeDeltaFolder(
  adapter: LoraAdapter,
  model: ModelConfig,
  provenance: Provenance,
): Promise<Map<string, Uint8Array>> {
  const canonical = canonicalLora(adapter);
  if (changesNothing(canonical)) {
    throw new TrimtabError(
      "invalid_delta",
      "the adapter changes nothing: in every layer one of its factors is zero; train it for longer or with a higher rate",
    );
  }
  const serving = encodeCanonical(canonical);
  let parameters = 0;
  for (const { a, b } of adapter.factors.values()) parameters += a.data.length + b.data.length;
  const manifest = encodeManifest({
    format: "trimtab.delta/1",
    ...provenance,
    methods: ["lora"],
    trainable_parameters: parameters,
    digest: await sha256Hex(serving),
  });
  return new Map([...writePeftFolder(adapter, model), [SERVING_FILE, serving], [MANIFEST_FILE, manifest]]);
}

/**
 * Reads and checks a published delta for a base. Throws `invalid_delta` when a part is wrong, is for another base, or the
 * serving form is not what the adapter gives.
 */
export async function readDeltaFolder(
  files: ReadonlyMap<string, Uint8Array>,
  base: { readonly config: ModelConfig; readonly digest: string; readonly tokenizerDigest: string },
): Promise<{ adapter: LoraAdapter; manifest: Manifest }> {
  const adapter = readPeftFolder(files, base.config);
  const [serving, manifestBytes] = [SERVING_FILE, MANIFEST_FILE].map((name) => {
    const bytes = files.get(name);
    if (bytes === undefined) throw new TrimtabError("invalid_delta", `the folder lacks ${name}`);
    return bytes;
  }) as [Uint8Array, Uint8Array];
  const manifest = parseManifest(manifestBytes);
  requireBase(manifest, base);
  const expected = await sha256Hex(encodeCanonical(canonicalLora(adapter)));
  if (manifest.digest !== expected || (await sha256Hex(serving)) !== expected) {
    throw new TrimtabError("invalid_delta", `${SERVING_FILE}, ${MANIFEST_FILE} and the adapter do not belong together`);
  }
  return { adapter, manifest };
}
