/**
 * A published delta: the adapters as others read them, their canonical serving form and the manifest, which agree with one
 * another. A delta of one adapter has its two files at the top, where peft looks for them; one of several has a folder for
 * each, `0-lora/`, `1-prefix/`, in order.
 */

import { type CanonicalDelta, changesNothing } from "../delta/canonical.ts";
import { encodeManifest, MANIFEST_FILE, type Manifest } from "../delta/manifest.ts";
import { canonicalTensors, encodeCanonical, SERVING_FILE } from "../delta/serving-file.ts";
import { sumDeltas } from "../delta/sum.ts";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import type { Quantisation } from "../model/quantised-weights.ts";
import type { Adapter } from "../peft/method.ts";

/** What the caller knows about a delta; the rest of the manifest follows from the adapters. */
export interface Provenance extends Omit<Manifest, "format" | "methods" | "trainable_parameters" | "digest"> {
  /** What made it, where that is more than the adapters' own methods. */
  readonly methods?: readonly string[];
}

/**
 * The files of a delta. Equal adapters and provenance give equal bytes.
 * Throws `invalid_delta` when the adapters would change nothing, cannot act together, or add numbers that float32 cannot hold.
 */
export async function writeDeltaFolder(
  adapters: readonly Adapter[],
  provenance: Provenance,
): Promise<Map<string, Uint8Array>> {
  const delta: CanonicalDelta = sumDeltas(adapters.map((adapter) => ({ delta: adapter.delta, weight: 1 })));
  if (changesNothing(delta)) {
    throw new TrimtabError(
      "invalid_delta",
      "the adapter changes nothing: everything that it would add is zero; train it for longer or with a higher rate",
    );
  }
  const overflown = [...canonicalTensors(delta)].find(([, { data }]) => !data.every(Number.isFinite));
  if (overflown !== undefined) {
    throw new TrimtabError(
      "invalid_delta",
      `the adapter has numbers that are too large: with its scale, ${overflown[0]} is not finite in 32-bit floats`,
    );
  }
  const serving = encodeCanonical(delta);
  // Whatever else trained beside it was trained on the same base.
  const quantisation = adapters.find((adapter) => adapter.quantisation !== undefined)?.quantisation;
  const manifest = encodeManifest({
    format: "trimtab.delta/1",
    ...provenance,
    ...(quantisation === undefined ? {} : { base_quantization: baseQuantization(quantisation) }),
    methods: [...(provenance.methods ?? adapters.map(({ method }) => method))],
    trainable_parameters: adapters.reduce((sum, { parameters }) => sum + parameters, 0),
    digest: await sha256Hex(serving),
  });
  const folder = (index: number) => (adapters.length === 1 ? "" : `${index}-${adapters[index]!.method}/`);
  const files = adapters.flatMap(({ files }, index) =>
    [...files].map(([name, bytes]) => [`${folder(index)}${name}`, bytes] as const),
  );
  return new Map([...files, [SERVING_FILE, serving], [MANIFEST_FILE, manifest]]);
}

/** A base's form as the manifest says it. */
function baseQuantization({ doubleQuantised }: Quantisation): NonNullable<Manifest["base_quantization"]> {
  return { bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: doubleQuantised };
}
