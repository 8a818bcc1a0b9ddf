/** A published delta as the start of more training with the methods that made it. */
import type { Manifest } from "../delta/manifest.ts";
import { TrimtabError } from "../errors.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ModelFiles } from "../model/model-folder.ts";
import type { Quantisation } from "../model/quantised-weights.ts";
import type { Weights } from "../model/weights.ts";
import { ADAPTER_CONFIG, parseAdapterConfigFile, parseAdapterFolder } from "../peft/adapter-folder.ts";
import { plansOf } from "../peft/combine.ts";
import { unfoldGates } from "../peft/gated.ts";
import type { AdapterFormat, PeftMethod, PublishedConfig, Resumption } from "../peft/method.ts";
import { methodsOf, type PeftChoice } from "../peft/presets.ts";
import { ADAPTER_FORMATS, type AnySettings, PEFT_METHODS, type PeftType } from "../peft/registry.ts";
import { withPrefix } from "../peft/renamed.ts";
import type { Tensor } from "../tensor.ts";

/** One adapter of a delta. */
export interface ContinuedAdapter extends PublishedConfig {
  /** Its folder with a slash, "" for the top level. */
  readonly folder: string;
  readonly type: PeftType;
}

/** The files of a delta that state its adapters' settings. */
export function configFiles(names: Iterable<string>): string[] {
  const found = [...names].filter((name) => name === ADAPTER_CONFIG || name.endsWith(`/${ADAPTER_CONFIG}`));
  return found.sort((left, right) => Number.parseInt(left, 10) - Number.parseInt(right, 10));
}

/** The adapters of a delta, in order. `files` has those of `configFiles`. Throws `invalid_delta` for adapters of no known method. */
export function continuedAdapters(files: ModelFiles, manifest: Manifest): ContinuedAdapter[] {
  const names = configFiles(files.keys());
  const { base_quantization: form } = manifest;
  const quantisation: Quantisation | undefined = form && { doubleQuantised: form.bnb_4bit_use_double_quant };
  return names.map((name) => {
    const config = parseAdapterConfigFile(new Map([[ADAPTER_CONFIG, bytesOf(files, name)]]));
    const folder = name.slice(0, -ADAPTER_CONFIG.length);
    // The folder of one of several adapters has its method's name; a single adapter's method is the manifest's.
    const named = folder === "" ? manifest.methods : [folder.replace(/^\d+-/, "").slice(0, -1)];
    return { folder, config, quantisation, type: typeOf(named, config) };
  });
}

/** The method of an adapter: the named one if the files are in its layout, else the one that owns the layout. */
function typeOf(named: readonly string[], config: PublishedConfig["config"]): PeftType {
  const owner = [...ADAPTER_FORMATS].find(([, format]) => format.recognises(config))?.[0];
  if (owner === undefined) throw new TrimtabError("invalid_delta", `${ADAPTER_CONFIG} is in no known layout`);
  const [only = ""] = named;
  if (named.length !== 1 || !Object.hasOwn(PEFT_METHODS, only)) return owner as PeftType;
  const { format = PEFT_METHODS.lora.format }: { readonly format?: AdapterFormat } = PEFT_METHODS[only as PeftType];
  return (format?.recognises(config) ? only : owner) as PeftType;
}

/** The settings that an adapter's files state. */
export function settingsOfAdapter(adapter: ContinuedAdapter, model: ModelConfig): AnySettings {
  return resumptionOf(adapter.type)!.settings(adapter, model);
}

/** The settings of all adapters, as a job gives them. */
export function settingsOfAdapters(adapters: readonly ContinuedAdapter[], model: ModelConfig): PeftChoice {
  const all = adapters.map((adapter) => settingsOfAdapter(adapter, model));
  return all.length === 1 ? all[0]! : all;
}

export interface ContinuationOptions {
  readonly config: ModelConfig;
  readonly settings: PeftChoice;
  /** The path of the methods in the request. */
  readonly param: string;
}

/**
 * Checks that methods can train a delta's adapters further: the same methods in the same order, with settings that give the
 * published numbers the same meaning. Settings of the training alone, such as dropout, may differ.
 *
 * @throws TrimtabError invalid_request with the first setting that differs as `param`; invalid_delta for adapters that no job can train further.
 */
export function requireSameSettings(adapters: readonly ContinuedAdapter[], options: ContinuationOptions): void {
  const { config, param } = options;
  const placed = methodsOf(options.settings);
  const full = placed.find(({ settings }) => resumptionOf(settings.type) === undefined);
  if (full !== undefined) {
    throw refuse(`${param}${full.place}`, `${full.settings.type} trains no adapter that could go on from another`);
  }
  const types = adapters.map(({ type }) => type);
  const other = placed.findIndex(({ settings }, index) => settings.type !== types[index]);
  if (other >= 0 || placed.length !== types.length) {
    const place = placed[other]?.place ?? "";
    throw refuse(`${param}${place}`, `the adapter of \`model\` was trained with ${types.join(", ")}`);
  }
  for (const [index, { settings, place }] of placed.entries()) {
    const { facts } = resumptionOf(settings.type)!;
    const asked = facts({ config, settings, param: `${param}${place}` });
    const theirs = facts({ config, settings: settingsOfAdapter(adapters[index]!, config), param: "peft" });
    const field = Object.keys(asked).find((name) => !agree(asked[name], theirs[name]));
    if (field === undefined) continue;
    const [mine, own] = [asked[field], theirs[field]];
    const simple = typeof mine !== "object" && typeof own !== "object";
    const what = simple ? `is ${JSON.stringify(mine)}, but ${JSON.stringify(own)} in` : "differs from that of";
    throw refuse(`${param}${place}.${field}`, `it ${what} the adapter of \`model\``);
  }
}

export interface ContinuedValues extends ContinuationOptions {
  /** The delta's files. */
  readonly files: ModelFiles;
  readonly manifest: Manifest;
  /** The base's weights. */
  readonly weights: Weights;
  /** The parameters' first values in a run from the base. */
  readonly initial: ReadonlyMap<string, Tensor<"f32">>;
}

/**
 * The value of each parameter of the methods in a published delta; publishing them gives its numbers again. Throws like
 * `requireSameSettings`, and for files that lack something.
 */
export async function continuedValues(options: ContinuedValues): Promise<Map<string, Tensor<"f32">>> {
  const { files, config, weights } = options;
  const adapters = continuedAdapters(files, options.manifest);
  requireSameSettings(adapters, options);
  const values = new Map<string, Tensor<"f32">>();
  for (const [index, part] of plansOf(options).entries()) {
    const { folder, type } = adapters[index]!;
    const { format } = PEFT_METHODS[type] as { readonly format?: AdapterFormat };
    const inside = [...files.keys()].filter((name) => name.startsWith(folder));
    const published = new Map(inside.map((name) => [name.slice(folder.length), bytesOf(files, name)]));
    const own = await resumptionOf(type)!.values(parseAdapterFolder(published, format?.weightsFile), {
      config,
      weights,
      settings: part.settings,
      param: part.param,
      initial: withPrefix(options.initial, part.prefix),
    });
    for (const [name, value] of unfoldGates(own, part.gates)) values.set(`${part.prefix}${name}`, value);
  }
  return values;
}

function bytesOf(files: ModelFiles, name: string): Uint8Array {
  const source = files.get(name)!;
  return source.subarray(0, source.byteLength);
}

function resumptionOf(type: PeftType): Resumption<AnySettings> | undefined {
  return (PEFT_METHODS[type] as unknown as PeftMethod<AnySettings>).resume;
}

/** Numbers agree up to rounding: a published α may be a product. */
function agree(one: unknown, other: unknown): boolean {
  if (typeof one === "number" && typeof other === "number") return Math.abs(one - other) <= 1e-9 * Math.abs(one);
  if (!Array.isArray(one) || !Array.isArray(other)) return one === other;
  return one.length === other.length && one.every((element, at) => agree(element, other[at]));
}

function refuse(param: string, problem: string): TrimtabError {
  const message = `\`${param}\`: ${problem}. Leave \`peft\` out to take the adapter's settings, or leave \`continue_with\` out to merge it first.`;
  return new TrimtabError("invalid_request", message, { param });
}
