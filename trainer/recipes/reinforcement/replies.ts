import type { PromptLine } from "../../../shared/data/prompt-line.ts";
import { IGNORED_LABEL } from "../../../shared/model/chat-template.ts";
import type { Tokenizer } from "../../../shared/model/tokenizer.ts";
import type { Unit } from "../../data/units.ts";
import type { Generated } from "../../eval/batch.ts";
import type { ScoredReply } from "../../rewards/reward-source.ts";
import type { TokenReader } from "../scorer.ts";

/** A sampled reply with what its tokens are worth to the policy and to the reference. */
export interface Reply {
  /** Prompt and reply, and how many of the ids are the prompt's. */
  readonly ids: Int32Array;
  readonly prompt: number;
  /** log π of each reply token when it was sampled, by scoring and by the sampler, and log of the reference. */
  readonly old: Float32Array;
  readonly sampled: readonly number[];
  readonly reference: Float32Array;
  /** log π − log reference. */
  readonly divergence: readonly number[];
  /** The value before each reply token; empty without values. */
  readonly values: Float32Array;
  /** What rewards are made from. */
  readonly scored: ScoredReply;
}

/** Each reply behind its prompt as a unit that is trained on the reply. */
export function asUnits(prompts: readonly Unit[], generated: readonly Generated[], generations: number): Unit[] {
  return generated.map(({ tokens }, r): Unit => {
    const { ids: prompt } = prompts[Math.floor(r / generations)]!.examples[0]!;
    const ids = Int32Array.of(...prompt, ...tokens);
    return { examples: [{ ids, labels: ids.map((id, at) => (at < prompt.length ? IGNORED_LABEL : id)) }] };
  });
}

interface ReadOptions {
  readonly units: readonly Unit[];
  readonly generated: readonly Generated[];
  readonly tokenizer: Pick<Tokenizer, "stream">;
  readonly ofPolicy: Awaited<ReturnType<TokenReader>>;
  readonly ofReference: Awaited<ReturnType<TokenReader>>;
  /** The dataset's line of a reply's prompt. */
  readonly lineOf: (reply: number) => PromptLine;
}

export function readReplies(options: ReadOptions): Reply[] {
  const { units, generated, tokenizer, ofPolicy, ofReference, lineOf } = options;
  return generated.map(({ tokens, logprobs, ended }, r): Reply => {
    const { ids } = units[r]!.examples[0]!;
    const prompt = ids.length - tokens.length;
    const own = (read: typeof ofPolicy, name: string) =>
      read[name] === undefined ? new Float32Array(0) : read[name][r]![0]!.slice(prompt);
    const [old, reference] = [own(ofPolicy, "log_probabilities"), own(ofReference, "log_probabilities")];
    const { example, item } = lineOf(r);
    // A completion continues its prompt's text; a chat's answer starts a new one.
    const after = example.kind === "chat" ? [] : Array.from(ids.subarray(0, prompt));
    const text = servedText(tokenizer, after, ended ? tokens.slice(0, -1) : tokens);
    return {
      ...{ ids, prompt, old, reference, sampled: logprobs },
      divergence: Array.from(old, (logp, t) => logp - reference[t]!),
      values: own(ofPolicy, "values"),
      scored: { prompt: ids.subarray(0, prompt), reply: ids.subarray(prompt), text, ended, item },
    };
  });
}

/** A reply's text as the API returns it, without control tokens, given the ids whose text it continues. */
function servedText(tokenizer: ReadOptions["tokenizer"], after: readonly number[], reply: readonly number[]): string {
  const decoder = tokenizer.stream({ skipSpecial: true, after });
  return reply.map((id) => decoder.push(id)).join("") + decoder.flush();
}
