/** A delta with a scorer, which judges replies on the base of the run. */
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import { canonicalRewrite, prefixTokens, virtualTokens } from "../../shared/delta/canonical-rewrite.ts";
import { MANIFEST_FILE, parseManifest } from "../../shared/delta/manifest.ts";
import type { Scorer } from "../../shared/delta/scorer.ts";
import { decodeCanonical, SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { GraphBuilder } from "../../shared/graph/builder.ts";
import type { ModelConfig } from "../../shared/model/config.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import { trainingForward } from "../../shared/model/training-forward.ts";
import type { Weights } from "../../shared/model/weights.ts";
import { evaluationBatches } from "../data/batches.ts";
import { unitsOf } from "../data/units.ts";
import { withVirtualTokens } from "../data/virtual-tokens.ts";
import type { Executor } from "../engines/executor.ts";
import { takenBy } from "../engines/feeds.ts";
import type { ScoredReply } from "./reward-source.ts";

/** The base that a run trains on, as scorers see it: without the run's own delta. */
export interface ScoringBase {
  readonly config: ModelConfig;
  /** The base's own; read only. */
  readonly weights: Weights;
  readonly tokenizer: Pick<Tokenizer, "encode" | "padId">;
  /** Of the base's folder. */
  readonly digest: string;
  /** Owns the programs. */
  readonly executor: Executor;
  /** The longest prompt with its reply, in tokens. */
  readonly maxLength: number;
  /** Awaited after every batch. */
  readonly yieldToEventLoop: () => Promise<void>;
}

/** A delta of the tenant's that the job's settings name. */
export interface ScorerDelta {
  /** As the settings have it, for messages. */
  readonly name: string;
  /** The field that names it. */
  readonly param: string;
  /** Its manifest and its serving form. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface NamedScorer {
  readonly scorer: Scorer;
  /**
   * The head's input [D] after the last token of each reply, as the edge reads it. In order. Throws TrimtabError invalid_request for
   * a reply whose text is too long for the model's context behind the scorer's lead.
   */
  states(replies: readonly ScoredReply[]): Promise<readonly Float32Array[]>;
}

/** Tokens of one batch: enough to keep the kernels busy, few beside the memory of a training step. */
const BATCH_TOKENS = 2048;
const MOST_ROWS = 16;

/**
 * Reads the delta. A scorer without a lead reads the prompt and the reply, with what ends it if it was trained to; one with a lead
 * reads the reply's text behind that.
 *
 * @throws TrimtabError invalid_request for a delta of another base, without a scorer, or that leaves too little of the context;
 *   corrupt_blob, invalid_delta
 */
export function namedScorer({ name, param, files }: ScorerDelta, base: ScoringBase): NamedScorer {
  const bytes = (file: string) => {
    const found = files.get(file);
    if (found === undefined) throw new TrimtabError("corrupt_blob", `the delta ${JSON.stringify(name)} lacks ${file}`);
    return found.subarray(0, found.byteLength);
  };
  const { base_digest: digest, base_model: of } = parseManifest(bytes(MANIFEST_FILE));
  if (digest !== base.digest) {
    const message = `\`${param}\`: ${JSON.stringify(name)} was made for another base, ${of}, or another version of it, than the one that this job trains. Train one on this base.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const { scorer, ...delta } = decodeCanonical(bytes(SERVING_FILE), base.config);
  if (scorer === undefined) {
    const message = `\`${param}\`: ${JSON.stringify(name)} has no scoring head, so it cannot reward replies. Name a result of a job of type reward_model or classifier.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const taken = virtualTokens(delta) + prefixTokens(delta);
  const room = base.config.maxPositions - taken;
  if (base.maxLength > room) {
    const message = `\`${param}\`: ${JSON.stringify(name)} takes ${taken} positions before the text, which leaves ${room} of the model's context, and replies with their prompts may have ${base.maxLength}. Lower \`max_length\`.`;
    throw new TrimtabError("invalid_request", message, { param });
  }
  const { lead, ends } = scorer.about;
  const idsOf = ({ prompt, reply, text, ended }: ScoredReply): Int32Array => {
    if (lead.length > 0) return Int32Array.from([...lead, ...base.tokenizer.encode(text)]);
    return Int32Array.from([...prompt, ...(ended && ends !== true ? reply.subarray(0, -1) : reply)]);
  };
  /**
   * The longest text that one of few readers takes. A lead may be longer than the prompt whose place it takes, and a text may encode
   * to more tokens than it was written in, so some texts need a reader of their own.
   */
  const sizeFor = (length: number): number => {
    if (length <= base.maxLength) return base.maxLength;
    if (length <= room) return Math.min(room, 2 ** Math.ceil(Math.log2(length)));
    const message = `\`${param}\`: ${JSON.stringify(name)} reads ${lead.length} tokens of its own and then the reply's text, ${length} tokens in all for one of the replies, and the model's context leaves ${room}. Let replies be shorter.`;
    throw new TrimtabError("invalid_request", message, { param });
  };
  const readers = new Map<number, StateReader>();
  return {
    scorer,
    async states(replies) {
      const texts = replies.map(idsOf);
      const states: Float32Array[] = [];
      const bySize = Map.groupBy(texts.keys(), (at) => sizeFor(texts[at]!.length));
      for (const [size, places] of bySize) {
        const read = readers.get(size) ?? stateReader(delta, base, size);
        readers.set(size, read);
        const found = await read(places.map((at) => texts[at]!));
        for (const [i, at] of places.entries()) states[at] = found[i]!;
      }
      return states;
    },
  };
}

type StateReader = (texts: readonly Int32Array[]) => Promise<Float32Array[]>;

/** The states after the last token of texts of up to `longest` tokens, of the base with a delta. Compiled when it is first used. */
function stateReader(delta: CanonicalDelta, base: ScoringBase, longest: number): StateReader {
  const { config, weights, executor, tokenizer, yieldToEventLoop } = base;
  const placeholders = virtualTokens(delta);
  const tokens = placeholders + longest;
  const rows = Math.max(1, Math.min(MOST_ROWS, Math.floor(BATCH_TOKENS / tokens)));
  const shape = { rows, tokens };
  const b = new GraphBuilder("reply_states");
  const { tap } = trainingForward(b, config, shape, {
    rewrite: (positions) => canonicalRewrite(b, config, delta, positions),
    prefixTokens: prefixTokens(delta),
  });
  const graph = b.build({ final: tap("final") });
  const bindings = takenBy(graph, weights);
  const width = config.hiddenSize;
  return async (texts) => {
    const states: Float32Array[] = [];
    const examples = withVirtualTokens(
      texts.map((ids) => ({ ids, labels: ids })),
      placeholders,
      tokenizer.padId,
    );
    const program = await executor.compile(graph, { bindings });
    for (const { feeds, places } of evaluationBatches(unitsOf(examples), {
      shape,
      packing: true,
      padId: tokenizer.padId,
    })) {
      const taken = graph.inputs.flatMap(({ name }) => (Object.hasOwn(feeds, name) ? [[name, feeds[name]!]] : []));
      const { final } = await program.run(Object.fromEntries(taken));
      const flat = final!.data as Float32Array;
      for (const { index, start, length } of places) {
        const end = (start + length) * width;
        states[index] = flat.slice(end - width, end);
      }
      await yieldToEventLoop();
    }
    const unfinished = states.findIndex((state) => !state.every(Number.isFinite));
    if (unfinished < 0) return states;
    throw new TrimtabError("non_finite", `what the scorer reads of reply ${unfinished} of a batch is not finite`);
  };
}
