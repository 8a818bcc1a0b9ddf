import type { ScorerSettings } from "../../shared/decode/processors/scorer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { ScorerCaller } from "../scoring/call-scorer.ts";
import { isUnanswered } from "../scoring/failure.ts";
import type { ScoreRequest } from "../scoring/target.ts";
import { CandidateTexts } from "./candidate-texts.ts";
import type { GenerateRequest } from "./protocol.ts";

const PARAM = "steering.rules.scorer";

export interface ScoredChoice {
  /** Index of its prompt in the request. */
  readonly prompt: number;
  /** The tokens whose text its text goes on from. */
  readonly after: readonly number[];
  readonly endTokens: ReadonlySet<number>;
}

/** Makes the settings of one choice, which keep what its text is so far. */
export type CandidateScorer = (choice: ScoredChoice) => ScorerSettings;

export interface ScorerEffects {
  /** Asks a registered scorer. */
  readonly callScorer: ScorerCaller["call"];
  /** Fires when the request ends, and ends its calls. */
  readonly signal: AbortSignal;
}

/**
 * How the request's scorer is asked; undefined where it has none. A call has the text so far with each candidate behind it, and the
 * request's prompt. `on_timeout: "open"` goes on without scores where no answer came in time: the scorer stalls, cannot be reached,
 * says that it cannot answer, has too many calls under way, or is left alone after such failures. A wrong answer ends the request
 * either way, with `scorer_failed`, because going on would hide it for good.
 */
export function candidateScorer(
  { tokenizer }: { readonly tokenizer: Tokenizer },
  request: GenerateRequest,
  { callScorer, signal }: ScorerEffects,
): CandidateScorer | undefined {
  const { requestId, steering } = request;
  const asked = steering?.rules?.scorer;
  if (asked === undefined) return undefined;
  const target = steering?.scorer;
  if (target === undefined) throw new TrimtabError("internal_error", "the request's scorer has no address");
  return ({ prompt: index, after, endTokens }) => {
    const texts = new CandidateTexts({ tokenizer, after, endTokens });
    const prompt = scoredPrompt(tokenizer, request.prompt, index);
    return {
      strength: asked.strength,
      candidates: asked.candidates,
      every: asked.every,
      async score(generated, candidates) {
        try {
          const judged = { texts: texts.of(generated, candidates), prompt, requestId };
          return await callScorer(target, judged, { deadlineMs: asked.deadline_ms, signal });
        } catch (error) {
          if (asked.on_timeout === "open" && isUnanswered(error)) return null;
          throw withParam(error);
        }
      },
    };
  };
}

/** What a scorer is told of the prompt: a chat's messages, or a text. */
export function scoredPrompt(
  tokenizer: Pick<Tokenizer, "decode">,
  prompt: GenerateRequest["prompt"],
  index: number,
): NonNullable<ScoreRequest["prompt"]> {
  if (prompt.kind === "chat") return prompt.messages.map(({ role, content }) => ({ role, content }));
  const text = prompt.prompts[index]!;
  return typeof text === "string" ? text : tokenizer.decode(text, { skipSpecial: true });
}

function withParam(error: unknown): unknown {
  if (!(error instanceof TrimtabError) || error.param !== "steering") return error;
  return new TrimtabError(error.code, error.message, { param: PARAM, data: error.data, cause: error });
}
