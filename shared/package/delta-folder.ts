/**
 * A published delta: the adapters in the layouts of other tools, their canonical serving form, and the manifest. With one
 * adapter, its two files are at the top level, where peft looks for them; with several, each has a folder, numbered in order:
 * `0-lora/`, `1-prefix/`. A scorer has a file of its own at the top level.
 */

import { type CanonicalDelta, changesNothing } from "../delta/canonical.ts";
import { magnitude } from "../delta/magnitude.ts";
import { encodeManifest, MANIFEST_FILE, type Manifest } from "../delta/manifest.ts";
import { SCORER_MODES, type Scorer } from "../delta/scorer.ts";
import { encodeScorer, SCORER_FILE, scorerTensors } from "../delta/scorer-file.ts";
import { canonicalTensors, encodeCanonical, SERVING_FILE } from "../delta/serving-file.ts";
import { sumDeltas } from "../delta/sum.ts";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import type { Quantisation } from "../model/quantised-weights.ts";
import type { Adapter } from "../peft/method.ts";
import { totalElements } from "../tensor.ts";

/** The part of the manifest that the caller provides; the rest follows from the adapters. */
export interface Provenance
  extends Omit<Manifest, "format" | "methods" | "scorer" | "trainable_parameters" | "digest"> {
  /** The methods that made the delta, if not just those of the adapters. */
  readonly methods?: readonly string[];
}

/** What the manifest calls the method that made a scorer. */
const SCORER_METHOD = "scorer";

/** Norms square what a layer gives: the squares of larger numbers are no 32-bit floats. Adapters that work stay below 10⁴. */
const LARGEST = 2 ** 60;

/**
 * The files of a delta. There may be no adapter if there is a scorer. Equal adapters and provenance give equal bytes.
 * Throws `invalid_delta` when the adapters would change nothing, cannot be combined, or overflow float32, by
 * themselves or in any model.
 */
export async function writeDeltaFolder(
  adapters: readonly Adapter[],
  provenance: Provenance,
  scorer?: Scorer,
): Promise<Map<string, Uint8Array>> {
  const sum = sumDeltas(adapters.map((adapter) => ({ delta: adapter.delta, weight: 1 })));
  const delta: CanonicalDelta = scorer === undefined ? sum : { ...sum, scorer };
  if (changesNothing(delta)) {
    throw new TrimtabError(
      "invalid_delta",
      "the adapter changes nothing, because everything it adds is zero; train it for longer or with a higher learning rate",
    );
  }
  const overflowed = [...canonicalTensors(delta)].find(([, { data }]) => !data.every(Number.isFinite));
  if (overflowed !== undefined) {
    throw new TrimtabError(
      "invalid_delta",
      `the adapter's numbers are too large: multiplied by its scale, ${overflowed[0]} overflows 32-bit floats`,
    );
  }
  const found = magnitude(delta);
  if (found > LARGEST) {
    throw new TrimtabError(
      "invalid_delta",
      `the adapter's values, or the products of its factors, reach ${found.toPrecision(2)}, at which a model's numbers overflow 32-bit floats; its training has diverged: train it again with a lower learning rate`,
    );
  }
  const serving = encodeCanonical(delta);
  // All adapters of a delta were trained on the same base.
  const quantisation = adapters.find((adapter) => adapter.quantisation !== undefined)?.quantisation;
  const manifest = encodeManifest({
    format: "trimtab.delta/1",
    ...provenance,
    ...(quantisation === undefined ? {} : { base_quantization: baseQuantization(quantisation) }),
    methods: methodsOf(provenance.methods ?? adapters.map(({ method }) => method), scorer),
    ...(scorer === undefined ? {} : { scorer: shownScorer(scorer) }),
    trainable_parameters:
      adapters.reduce((total, { parameters }) => total + parameters, 0) +
      totalElements(scorerTensors(scorer).map(([, tensor]) => tensor)),
    digest: await sha256Hex(serving),
  });
  const folder = (index: number) => (adapters.length === 1 ? "" : `${index}-${adapters[index]!.method}/`);
  const files = adapters.flatMap(({ files }, index) =>
    [...files].map(([name, bytes]) => [`${folder(index)}${name}`, bytes] as const),
  );
  const own = scorer === undefined ? [] : [[SCORER_FILE, encodeScorer(scorer)] as const];
  return new Map([...files, ...own, [SERVING_FILE, serving], [MANIFEST_FILE, manifest]]);
}

function methodsOf(adapters: readonly string[], scorer: Scorer | undefined): string[] {
  return scorer === undefined || adapters.includes(SCORER_METHOD) ? [...adapters] : [...adapters, SCORER_METHOD];
}

function shownScorer({ about }: Scorer): NonNullable<Manifest["scorer"]> {
  return { labels: about.labels, modes: SCORER_MODES.filter((mode) => about.temperatures[mode] !== undefined) };
}

/** The quantisation of a base as the manifest records it. */
function baseQuantization({ doubleQuantised }: Quantisation): NonNullable<Manifest["base_quantization"]> {
  return { bnb_4bit_quant_type: "nf4", bnb_4bit_use_double_quant: doubleQuantised };
}
