import type { Scorer } from "../../shared/delta/scorer.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import { JUDGE, outputNames, type PerturbationFeatures } from "../../shared/model/perturbation-graph.ts";
import { f32, type Tensor } from "../../shared/tensor.ts";
import { descend } from "./descend.ts";
import { embedToken } from "./embed-token.ts";
import type { KvSlab } from "./kv-slab.ts";
import type { OrtModule } from "./ort-module.ts";
import { type LayerPast, OwnPast } from "./own-past.ts";
import { passFeatures, passInputs } from "./pass-inputs.ts";
import type { PerturbationSessions } from "./perturbation-sessions.ts";
import { allocateTensor, type ResidentTensor, residentCopy } from "./resident-tensor.ts";
import type { RowDeltas } from "./serving-delta.ts";
import type { NamedTensors } from "./session.ts";
import type { WeightSet } from "./weight-set.ts";

/** A row of the batch: the text's own, or the one that judges it. */
export interface PassRow {
  readonly weights: WeightSet;
  readonly deltas: RowDeltas;
  /** The most positions that it will have. */
  readonly capacity: number;
}

/** What a text is moved towards. */
export interface Aim {
  readonly scorer: Scorer;
  /** Index of the class. */
  readonly label: number;
  readonly temperature: number;
  readonly klScale: number;
}

/** Where the rows are in one step. */
export interface PerturbedStep {
  /** The text's last token, which is in its cache. */
  readonly token: number;
  readonly slot: number;
  readonly positions: number;
  readonly judge: { readonly slot: number; readonly positions: number };
  /** [V]: the model's own logits. */
  readonly unperturbed: Float32Array;
  /** The states that the judge's next one is averaged with: their sum [D], and how many. */
  readonly before?: { readonly sum: ArrayLike<number>; readonly count: number } | undefined;
}

export interface PerturbedTextParts {
  readonly ort: OrtModule;
  readonly config: ModelConfig;
  readonly slab: KvSlab;
  readonly sessions: PerturbationSessions;
}

/**
 * The memory of one text that is moved step by step, in tensors of its own. The text's row and the slab stay as they are: they
 * give the unperturbed distribution. As in the paper's code, a token that has been chosen is remembered as the perturbed memory
 * made it, and changes add up from token to token.
 */
export class PerturbedText {
  readonly #parts: PerturbedTextParts;
  readonly #rows: { readonly text: PassRow; readonly judge: PassRow };
  readonly #features: PerturbationFeatures;
  readonly #owned: ResidentTensor[] = [];
  readonly #past: OwnPast;
  readonly #judged: OwnPast;
  readonly #gradient: OwnPast;
  readonly #present: readonly LayerPast[];
  readonly #fixed: NamedTensors;
  readonly #places: { readonly text: ResidentTensor<"f32">; readonly judge: ResidentTensor<"f32"> };
  readonly #scratch: Scratch;
  /** ‖keys and values‖² of each layer, as they were read. */
  readonly #squares: number[];

  /** Throws `capacity_exceeded`, with nothing allocated, if the heap has no room. */
  constructor(parts: PerturbedTextParts, rows: { readonly text: PassRow; readonly judge: PassRow }, aim: Aim) {
    const { ort, config } = parts;
    this.#parts = parts;
    this.#rows = rows;
    const pasts: OwnPast[] = [];
    const past = ({ capacity }: PassRow): OwnPast => {
      const made = new OwnPast(ort, config, capacity);
      pasts.push(made);
      return made;
    };
    const copy = (tensor: Tensor<"f32">) => this.#own(residentCopy(ort, tensor));
    const empty = (shape: readonly number[]) => this.#own(allocateTensor(ort, "f32", shape));
    try {
      const [text, judge] = [passFeatures(rows.text.deltas), passFeatures(rows.judge.deltas)];
      this.#features = { text, judge, reward: aim.scorer.about.labels.length === 1 };
      this.#past = past(rows.text);
      this.#gradient = past(rows.text);
      this.#judged = past(rows.judge);
      const own = [config.kvHeads, 1, config.headDim];
      this.#present = Array.from({ length: config.layers }, () => ({ key: empty(own), value: empty(own) }));
      const named = (inputs: ReadonlyMap<string, Tensor<"f32">>, prefix = "") =>
        Object.fromEntries([...inputs].map(([name, tensor]) => [`${prefix}${name}`, copy(tensor)]));
      this.#fixed = {
        ...rows.text.weights.tensors,
        ...prefixed(rows.judge.weights.tensors),
        ...named(passInputs(config, rows.text.deltas, text)),
        ...named(passInputs(config, rows.judge.deltas, judge), JUDGE),
        ...named(scorerInputs(aim)),
      };
      this.#places = { text: empty([rows.text.capacity]), judge: empty([rows.judge.capacity + 1]) };
      const positions = () => this.#own(allocateTensor(ort, "i64", [1, 1]));
      this.#scratch = {
        embedded: empty([1, 1, config.hiddenSize]),
        unperturbed: empty([1, config.vocabSize]),
        sum: empty([1, config.hiddenSize]),
        share: empty([]),
        position: positions(),
        [`${JUDGE}position`]: positions(),
        loss: empty([]),
        logits: empty([1, config.vocabSize]),
      };
    } catch (error) {
      for (const each of [...pasts, ...this.#owned]) each.dispose();
      throw error;
    }
    this.#squares = new Array<number>(config.layers).fill(0);
    for (const tensor of Object.values(this.#places)) tensor.view().fill(0);
  }

  /** Takes what the rows have computed since the last step. */
  begin(step: PerturbedStep): void {
    const { slab } = this.#parts;
    const last = step.positions - 1;
    if (this.#past.places === 0) {
      this.#past.grow(step.positions);
      this.#past.take(slab, step.slot, { from: 0, to: last });
      this.#measure(this.#past.layers);
    } else {
      this.#past.put(last - 1, this.#present);
      this.#past.grow(step.positions);
      this.#measure(this.#present);
    }
    this.#gradient.grow(step.positions);
    const from = Math.max(0, this.#judged.places - 1);
    this.#judged.grow(step.judge.positions + 1);
    this.#judged.take(slab, step.judge.slot, { from, to: step.judge.positions });
    mark(this.#places.text, last);
    mark(this.#places.judge, step.judge.positions);

    const { weights, deltas } = this.#rows.text;
    embedToken(this.#scratch.embedded.view(), { token: step.token, weights, deltas });
    this.#scratch.position.view()[0] = BigInt(last);
    this.#scratch[`${JUDGE}position`].view()[0] = BigInt(step.judge.positions);
    this.#scratch.unperturbed.view().set(step.unperturbed);
    const { sum, count } = step.before ?? { sum: [], count: 0 };
    this.#scratch.sum.view().fill(0);
    this.#scratch.sum.view().set(sum);
    this.#scratch.share.view()[0] = 1 / (1 + count);
  }

  /** Moves the memory of the last `window` places one step; gives the loss before it. */
  descend({ stepSize, gamma, window }: { stepSize: number; gamma: number; window?: number | undefined }): number {
    const { config } = this.#parts;
    const outputs: Record<string, ResidentTensor> = { loss: this.#scratch.loss };
    for (const [layer, { key, value }] of this.#gradient.layers.entries()) {
      const names = outputNames("gradient", layer);
      outputs[names.key] = key;
      outputs[names.value] = value;
    }
    this.#run("perturbation", outputs);
    const { places } = this.#past;
    const to = places - 1;
    const from = Math.max(0, to - (window ?? to));
    for (const [layer, past] of this.#past.layers.entries()) {
      const longest = Math.sqrt(this.#squares[layer]!);
      descend(config, past, this.#gradient.layers[layer]!, { from, to, places, stepSize, gamma, longest });
    }
    return this.#scratch.loss.view()[0]!;
  }

  /** The logits [V] that the model has with its memory as it is now; a copy. */
  read(): Float32Array {
    const outputs: Record<string, ResidentTensor> = { logits: this.#scratch.logits };
    for (const [layer, { key, value }] of this.#present.entries()) {
      const names = outputNames("present", layer);
      outputs[names.key] = key;
      outputs[names.value] = value;
    }
    this.#run("perturbed-step", outputs);
    return this.#scratch.logits.view().slice();
  }

  /** How many positions there are before the text's last token. */
  get past(): number {
    return this.#past.places - 1;
  }

  /** Of every layer, the keys and values [K, N, P] of the places so far, the last one empty. */
  get layers(): readonly LayerPast[] {
    return this.#past.layers;
  }

  dispose(): void {
    for (const past of [this.#past, this.#judged, this.#gradient]) past.dispose();
    for (const tensor of this.#owned) tensor.dispose();
  }

  #run(kind: "perturbation" | "perturbed-step", outputs: NamedTensors): void {
    const { loss: _, logits: __, ...scratch } = this.#scratch;
    const place = this.#places.text.window([this.#past.places]);
    const judgePlace = this.#places.judge.window([this.#judged.places]);
    const inputs = {
      ...this.#fixed,
      ...scratch,
      ...this.#past.named(""),
      ...this.#judged.named(JUDGE),
      place,
      [`${JUDGE}place`]: judgePlace,
    };
    try {
      this.#parts.sessions.run(kind, this.#features, { inputs, outputs });
    } finally {
      place.dispose();
      judgePlace.dispose();
    }
  }

  #measure(layers: readonly LayerPast[]): void {
    for (const [layer, { key, value }] of layers.entries()) {
      for (const view of [key.view(), value.view()]) for (const x of view) this.#squares[layer]! += x * x;
    }
  }

  #own<T extends ResidentTensor>(tensor: T): T {
    this.#owned.push(tensor);
    return tensor;
  }
}

type Scratch = {
  readonly [N in "embedded" | "unperturbed" | "sum" | "share" | "loss" | "logits"]: ResidentTensor<"f32">;
} & { readonly [N in "position" | `${typeof JUDGE}position`]: ResidentTensor<"i64"> };

const prefixed = (tensors: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [`${JUDGE}${name}`, tensor]));

function scorerInputs({ scorer: { weight, bias }, label, temperature, klScale }: Aim): Map<string, Tensor<"f32">> {
  const classes = bias.data.length;
  const cooled = ({ shape, data }: Tensor<"f32">) =>
    f32(
      shape,
      data.map((value) => value / temperature),
    );
  const wanted = new Float32Array(classes);
  wanted[label] = 1;
  return new Map([
    ["scorer.weight", cooled(weight)],
    ["scorer.bias", cooled(bias)],
    ["wanted", f32([classes, 1], wanted)],
    ["kl_scale", f32([], [klScale])],
  ]);
}

/** 1 at that place, 0 at those before it. */
function mark(places: ResidentTensor<"f32">, place: number): void {
  const view = places.view();
  view.fill(0, 0, place);
  view[place] = 1;
}
