/**
 * How files hold a scorer: the tensors below, and what they mean as JSON in the metadata `scorer`.
 *
 *     scorer.weight [D, K]  scorer.bias [K]  scorer.A [D, K·r]  scorer.T [V, r]
 *     scorer.mean [D]  scorer.directions [D, s]   the states seen in training
 *
 * The serving file of a delta holds them beside its other parts. A published folder also has them by themselves, beside the
 * adapters that other tools read.
 */
import { TrimtabError } from "../errors.ts";
import { fromF32, parseSafetensors, type SafetensorsTensor, toF32, writeSafetensors } from "../formats/safetensors.ts";
import { quoteName } from "../formats/strict-json.ts";
import type { ModelConfig } from "../model/config.ts";
import { f32, type Tensor } from "../tensor.ts";
import { parseScorerAbout, type Scorer, type ScorerAbout } from "./scorer.ts";

export const SCORER_FILE = "scorer.safetensors";
const FORMAT = "trimtab.scorer/1";
const PREFIX = "scorer.";

/** The scorer's tensors under their names in a file; none for a delta without one. */
export function scorerTensors(scorer: Scorer | undefined): (readonly [string, Tensor<"f32">])[] {
  if (scorer === undefined) return [];
  const { weight, bias, tokens, seen } = scorer;
  const values = tokens === undefined ? [] : [["scorer.A", tokens.a] as const, ["scorer.T", tokens.t] as const];
  const states =
    seen === undefined ? [] : [["scorer.mean", seen.mean] as const, ["scorer.directions", seen.directions] as const];
  return [["scorer.weight", weight], ["scorer.bias", bias], ...values, ...states];
}

export function scorerMetadata(scorer: Scorer | undefined): Readonly<Record<string, string>> {
  return scorer === undefined ? {} : { scorer: JSON.stringify(scorer.about) };
}

export function encodeScorer(scorer: Scorer): Uint8Array {
  const tensors = scorerTensors(scorer).map(([name, { shape, data }]): [string, SafetensorsTensor] => [
    name,
    { dtype: "F32", shape, bytes: fromF32(data, "F32") },
  ]);
  return writeSafetensors(new Map(tensors), { format: FORMAT, ...scorerMetadata(scorer) });
}

/** Reads a scorer's own file. Throws `invalid_delta`, naming the tensor or field that is wrong. */
export function decodeScorer(bytes: Uint8Array, model: ModelConfig): Scorer {
  const { metadata, tensors } = parseSafetensors(bytes, { code: "invalid_delta", name: SCORER_FILE, finite: true });
  if (metadata.format !== FORMAT) {
    const format = quoteName(metadata.format ?? "unknown");
    throw new TrimtabError("invalid_delta", `${SCORER_FILE} has the format ${format}; expected ${FORMAT}`);
  }
  const { scorer, others } = splitScorer({ metadata, tensors, model, fileName: SCORER_FILE });
  const [unknown] = others.keys();
  if (unknown !== undefined || scorer === undefined) {
    const problem =
      unknown === undefined ? "holds no scorer" : `has a tensor ${quoteName(unknown)} that is not a scorer's`;
    throw new TrimtabError("invalid_delta", `${SCORER_FILE} ${problem}`);
  }
  return scorer;
}

export interface SplitOptions {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly model: ModelConfig;
  /** For messages. */
  readonly fileName: string;
}

/**
 * Takes the scorer out of a file's tensors. Throws `invalid_delta` for one that is not whole, or does not fit the model or
 * its own description.
 */
export function splitScorer(options: SplitOptions): {
  readonly scorer: Scorer | undefined;
  readonly others: ReadonlyMap<string, SafetensorsTensor>;
} {
  const { metadata, tensors, fileName } = options;
  const own = new Map([...tensors].filter(([name]) => name.startsWith(PREFIX)));
  if (own.size === 0 && metadata.scorer === undefined) return { scorer: undefined, others: tensors };
  const others = new Map([...tensors].filter(([name]) => !own.has(name)));
  if (metadata.scorer === undefined) {
    throw new TrimtabError("invalid_delta", `${fileName} has tensors of a scorer, but lacks the metadata \`scorer\``);
  }
  const about = parseScorerAbout(metadata.scorer, `the metadata \`scorer\` of ${fileName}`);
  return { scorer: { ...readTensors(own, about, options), about }, others };
}

function readTensors(
  own: ReadonlyMap<string, SafetensorsTensor>,
  about: ScorerAbout,
  { model, fileName }: SplitOptions,
): Omit<Scorer, "about"> {
  const refuse = (problem: string) => new TrimtabError("invalid_delta", `${fileName} ${problem}`);
  const [width, classes] = [model.hiddenSize, about.labels.length];
  const take = (name: string, shape: readonly number[]): Tensor<"f32"> => {
    const found = own.get(name);
    if (found === undefined) throw refuse(`lacks the tensor ${name}`);
    if (found.dtype !== "F32" || found.shape.join() !== shape.join()) {
      const got = `${found.dtype} [${found.shape.join(", ")}]`;
      throw refuse(`has a tensor ${name} ${got} instead of F32 [${shape.join(", ")}]`);
    }
    return f32(shape, toF32(found));
  };
  for (const name of own.keys()) {
    if (/^scorer\.(weight|bias|A|T|mean|directions)$/.test(name)) continue;
    throw refuse(`has a tensor ${quoteName(name)} that no scorer has`);
  }
  for (const id of [...about.lead, ...(about.class_rows?.control.flat() ?? [])]) {
    if (id >= model.vocabSize) throw refuse(`has a scorer with the token ${id}, beyond the model's ${model.vocabSize}`);
  }
  if (about.seen === undefined && (own.has("scorer.mean") || own.has("scorer.directions"))) {
    throw refuse("has the states seen by a scorer whose metadata lacks `seen`");
  }
  const head = {
    weight: take("scorer.weight", [width, classes]),
    bias: take("scorer.bias", [classes]),
    ...(about.seen === undefined
      ? {}
      : {
          seen: {
            mean: take("scorer.mean", [width]),
            directions: take("scorer.directions", [width, about.seen.variances.length]),
          },
        }),
  };
  const hasValues = own.has("scorer.A") || own.has("scorer.T");
  if (about.temperatures.token_values !== undefined && !hasValues) throw refuse("lacks the tensor scorer.A");
  if (!hasValues) return head;
  const rank = own.get("scorer.T")?.shape[1] ?? 0;
  const t = take("scorer.T", [model.vocabSize, Math.max(1, rank)]);
  return { ...head, tokens: { a: take("scorer.A", [width, classes * t.shape[1]!]), t } };
}
