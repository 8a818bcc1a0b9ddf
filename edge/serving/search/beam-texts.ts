import { logSumExp, scoreToken } from "../../../shared/decode/logits.ts";
import type { KnownScore } from "../../../shared/decode/sequence.ts";
import { type TokenTrace, traceOf } from "../../../shared/decode/trace.ts";
import { placeBeams } from "../../../shared/search/beam-places.ts";
import { DiverseBeams, type DiverseSettings } from "../../../shared/search/diverse-beams.ts";
import type { BeamChoice, BeamScores, Beams } from "../generation.ts";

export interface BeamTextsOptions {
  readonly settings: DiverseSettings;
  /** Whether a text ends with its last token. */
  readonly ends: (token: number, tokens: () => readonly number[]) => boolean;
  /** Alternatives to report per token; null reports nothing. */
  readonly topLogprobs: number | null;
  /** Alternatives that the trace of each token lists; undefined: no trace. */
  readonly traced: number | undefined;
}

/** A text by its last token and the text before it; null has no token. */
interface Node {
  readonly before: Node | null;
  readonly token: number;
  /** The place of the text before it. */
  readonly from: number;
  place: number;
  /** Set when the search keeps the text. */
  kept: boolean;
  score?: KnownScore;
  trace?: TokenTrace;
}

/** Beam search over the places of a generation: see `DiverseBeams` for what it follows and `placeBeams` for where. */
export class BeamTexts implements Beams {
  readonly count: number;
  readonly texts: readonly number[][];
  /** Tokens of all texts so far. */
  made = 0;
  readonly #options: BeamTextsOptions;
  readonly #search: DiverseBeams<Node | null>;

  constructor(options: BeamTextsOptions) {
    this.#options = options;
    this.count = options.settings.beams;
    this.texts = Array.from({ length: this.count }, () => []);
    this.#search = new DiverseBeams<Node | null>(options.settings, null);
  }

  /** Every group starts with the same empty text, and all places know the prompt. */
  get running(): readonly number[] {
    const { beams, groups } = this.#options.settings;
    return this.#search.running.map(({ text }, i) => text?.place ?? (i * beams) / groups);
  }

  /** Best first. */
  get results(): readonly number[] {
    return this.#search.results.map(({ score }) => score);
  }

  choose(scored: readonly BeamScores[]): BeamChoice {
    const { ends } = this.#options;
    const places = this.running;
    this.made += places.length;
    const known = new Map(places.map((place, i) => [place, scored[i]!]));
    const before = new Map(this.#search.running.map(({ text }, i) => [text, places[i]!]));
    for (const { scores } of scored) {
      const normaliser = logSumExp(scores);
      for (let token = 0; token < scores.length; token++) scores[token]! -= normaliser;
    }
    this.#search.step({
      scores: scored.map(({ scores }) => scores),
      extend: (text, token) => {
        const from = before.get(text)!;
        const node: Node = { before: text, token, from, place: from, kept: false };
        return { text: node, ends: ends(token, () => [...this.texts[from]!, token]) };
      },
    });
    const running = this.#search.running.map(({ text }) => text!);
    for (const node of [...running, ...this.#search.results.map(({ text }) => text!)]) {
      if (!node.kept) this.#keep(node, known.get(node.from)!);
    }
    if (this.#search.done) return { next: [], won: pathOf(this.#search.results[0]!.text!) };
    const placed = placeBeams(
      running.map(({ from }) => from),
      this.count,
    );
    const next = running.map((node, i) => {
      node.place = placed.places[i]!;
      return { place: node.place, from: node.from, token: node.token };
    });
    return { next };
  }

  /** Reads what the answer may report of a token, while this step's scores are there. */
  #keep(node: Node, { logits, scores, snapshots, notes }: BeamScores): void {
    const { topLogprobs, traced } = this.#options;
    node.kept = true;
    if (topLogprobs !== null) node.score = scoreToken(logits, node.token, topLogprobs);
    if (traced !== undefined) node.trace = traceOf(node.token, { logits, scores, snapshots, notes, top: traced });
  }
}

function pathOf(last: Node): NonNullable<BeamChoice["won"]> {
  const path: Node[] = [];
  for (let node: Node | null = last; node !== null; node = node.before) path.push(node);
  return path.reverse().map(({ token, score, trace }) => ({
    token,
    ...(score === undefined ? {} : { score }),
    ...(trace === undefined ? {} : { trace }),
  }));
}
