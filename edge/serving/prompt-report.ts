import type { GenerateEvent, PromptScore, TokenLogprob } from "../../shared/decode/events.ts";
import { scoreToken } from "../../shared/decode/logits.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { LIMITS } from "../../shared/limits.ts";
import type { Tokenizer } from "../../shared/model/tokenizer.ts";
import type { PromptScoring } from "./generation.ts";
import type { AskedOfPrompts, GeneratePrompt } from "./protocol.ts";

/** Tokens of one event: as many as one chunk of a prompt has. */
const AT_ONCE = 32;

export interface PromptReportOptions {
  readonly tokenizer: Tokenizer;
  readonly prompt: GeneratePrompt;
  /** The tokens of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  /** Choices of each prompt. */
  readonly n: number;
  readonly asked: AskedOfPrompts;
  /** Takes every event; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
}

/** Of one prompt. */
interface Report {
  readonly choices: readonly number[];
  /** What is to be repeated of it; empty once it has been sent. */
  text: string;
  /** Scores that wait for the rest of their event. */
  scores: PromptScore[];
  complete: boolean;
  /** What its choices have to say once it is complete. */
  readonly held: GenerateEvent[];
}

/**
 * Tells of a request's prompts: what they say, and what the model made of their tokens while it read them. Of each prompt, one
 * choice reads all and scores it; the others take its states over, and their events wait until the prompt has been told of.
 */
export class PromptReport {
  readonly #options: PromptReportOptions;
  readonly #reports: readonly Report[];
  #failure: TrimtabError | undefined;
  #fail = () => {};

  /** Throws `invalid_request` where the answer would be too large. */
  constructor(options: PromptReportOptions) {
    const { tokenizer, prompt, prompts, n, asked } = options;
    this.#options = options;
    if (asked.top !== null) requireFew(prompts, { n, top: asked.top });
    this.#reports = prompts.map((ids, p) => {
      const given = prompt.kind === "text" ? prompt.prompts[p]! : ids;
      const text = typeof given === "string" ? given : tokenizer.decode(given);
      return {
        choices: Array.from({ length: n }, (_, i) => p * n + i),
        text: asked.text ? text : "",
        scores: [],
        complete: asked.top === null,
        held: [],
      };
    });
  }

  /** What ends the request: the numbers that its prompts gave are no scores. */
  get failure(): TrimtabError | undefined {
    return this.#failure;
  }

  /** Has `fail` called once there is a failure, in the middle of a step. */
  onFailure(fail: () => void): void {
    this.#fail = fail;
  }

  /** What the row that scores prompt p reads; undefined without scores. */
  scoring(p: number): PromptScoring | undefined {
    const { asked, prompts, prompt, tokenizer } = this.#options;
    if (asked.top === null) return undefined;
    const { top } = asked;
    const ids = prompts[p]!;
    const isText = prompt.kind === "text" && typeof prompt.prompts[p] === "string";
    // A text does not hold the tokens that the tokenizer puts before it.
    const unwritten = isText ? tokenizer.prefix.length : 0;
    let begun = false;
    const describe = (id: number, isUnwritten = false) => {
      const options = { first: !begun };
      const bytes = isUnwritten ? [] : [...tokenizer.bytesOf(id, options)];
      return { id, token: tokenizer.textOf(id, options), bytes };
    };
    const controls = new Set(tokenizer.control.values());
    const add = (at: number, score: Pick<PromptScore, "logprob" | "rank" | "top">) => {
      const report = this.#reports[p]!;
      report.scores.push({ ...describe(ids[at]!, at < unwritten), ...score });
      begun ||= !controls.has(ids[at]!);
      const isLast = at === ids.length - 1;
      if (isLast || report.scores.length === AT_ONCE) this.#send(report);
      if (isLast) this.#complete(report);
    };
    return {
      from: 0,
      read: (at, logits) => {
        if (this.#failure !== undefined) return;
        if (at === 0) add(0, { logprob: null, rank: null, top: [] });
        if (at === ids.length - 1) return;
        const next = ids[at + 1]!;
        const { logprob, top: likeliest } = scoreToken(logits, next, top);
        if (!Number.isFinite(logprob)) {
          this.#failure = notFinite();
          this.#fail();
          return;
        }
        const described = likeliest.map((one): TokenLogprob => ({ ...describe(one.token), logprob: one.logprob }));
        add(at + 1, { logprob, rank: rankOf(logits, next), top: described });
      },
    };
  }

  /** Takes an event of the request's choices. */
  emit(event: GenerateEvent): void {
    const report = "choice" in event ? this.#reports[Math.floor(event.choice / this.#options.n)] : undefined;
    if (report?.complete === false) {
      report.held.push(event);
      return;
    }
    if (report !== undefined && report.text !== "") this.#send(report);
    this.#options.emit(event);
  }

  #send(report: Report): void {
    const { choices, text, scores } = report;
    report.text = "";
    report.scores = [];
    this.#options.emit({ type: "prompt", choices, text, ...(scores.length === 0 ? {} : { scores }) });
  }

  #complete(report: Report): void {
    report.complete = true;
    for (const event of report.held.splice(0)) this.#options.emit(event);
  }
}

/** Refuses scores that would fill the memory of whoever gathers them. */
function requireFew(prompts: readonly (readonly number[])[], { n, top }: { readonly n: number; readonly top: number }) {
  const tokens = prompts.reduce((sum, { length }) => sum + length, 0);
  const numbers = n * tokens * (1 + top);
  if (numbers <= LIMITS.promptScores) return;
  const choices = n === 1 ? "" : ` of each of ${n} choices`;
  const message = `The prompts have ${tokens} tokens, with ${1 + top} log-probabilities each${choices}: ${numbers} in all, and one answer may have ${LIMITS.promptScores}. Send fewer prompts at a time, or ask for fewer alternatives.`;
  throw new TrimtabError("invalid_request", message, { param: "prompt" });
}

function rankOf(logits: Float32Array, token: number): number {
  const own = logits[token]!;
  let above = 0;
  for (const logit of logits) if (logit > own) above++;
  return above + 1;
}

function notFinite(): TrimtabError {
  const message =
    "The model's logits after a token of the prompt are not finite. Lower the weights of the request's deltas.";
  return new TrimtabError("non_finite", message, { param: "prompt" });
}
