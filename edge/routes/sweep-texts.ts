import type { Context } from "hono";
import type { Sweep } from "../../shared/api/steering-sweep.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { phraseEffect, type SweepRun } from "../../shared/sweep/plan.ts";
import type { Sample } from "../../shared/sweep/summary.ts";
import { ScorerCaller } from "../scoring/call-scorer.ts";
import type { GeneratePrompt } from "../serving/protocol.ts";
import { type Choice, wholeAnswer } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";
import { atMost } from "./at-most.ts";
import { generateWith } from "./generation.ts";
import { judgeTexts } from "./judging.ts";
import { EFFECT_MODEL, inRun, type SweepSources } from "./sweep-sources.ts";

/** Texts that a sweep has made at a time: the batch shares its rows among tenants, and few more of them wait than there is room for. */
const TEXTS_AT_ONCE = 16;
const SCORER_DEADLINE_MS = 30_000;
const MAX_SEED = 2_147_483_647;

/** Makes the texts of a sweep's runs and has them judged. */
export class SweepTexts {
  readonly #c: Context<AppEnv>;
  readonly #sources: SweepSources;
  readonly #hasChat: boolean;
  /** The place of the label whose probability is the effect. */
  readonly #label: number;
  readonly #ending: AbortController;
  readonly #scorers: ScorerCaller;
  readonly #used = { prompt: 0, completion: 0, steering: 0 };

  private constructor(c: Context<AppEnv>, sources: SweepSources, parts: { hasChat: boolean; label: number }) {
    this.#c = c;
    this.#sources = sources;
    this.#hasChat = parts.hasChat;
    this.#label = parts.label;
    this.#scorers = ScorerCaller.of(c.env);
    this.#ending = new AbortController();
    const { signal } = c.req.raw;
    signal.addEventListener("abort", () => this.stop());
    if (signal.aborted) this.stop();
  }

  /** @throws TrimtabError invalid_request for a classifier that cannot measure the effect; what loading the base throws */
  static async begin(c: Context<AppEnv>, sources: SweepSources): Promise<SweepTexts> {
    const { bare, effect } = sources;
    const scorer = effect.kind === "classifier" ? { scorer: { model: effect.model, param: EFFECT_MODEL } } : {};
    const { hasChat, labels } = await judgeTexts(c, { base: bare.base, prompts: [], ...scorer }, c.req.raw.signal);
    const label = effect.kind === "classifier" ? placeOf(effect.label, labels!) : 0;
    return new SweepTexts(c, sources, { hasChat, label });
  }

  /** Ends what is under way. */
  stop(): void {
    this.#ending.abort();
  }

  usage(): Sweep["usage"] {
    const { prompt, completion, steering } = this.#used;
    return {
      prompt_tokens: prompt,
      completion_tokens: completion,
      total_tokens: prompt + completion,
      steering_tokens: steering,
    };
  }

  /** The texts of a run, `n` for each prompt. Throws what ends them, with the run's name. */
  async run(run: SweepRun): Promise<Sample[]> {
    const { prompts, n } = this.#sources.plan.request;
    try {
      const samples = await atMost(Math.max(1, Math.floor(TEXTS_AT_ONCE / n)), prompts, {
        work: (prompt, index) => this.#samples(run, prompt, index),
        failed: () => this.stop(),
      });
      return samples.flat();
    } catch (error) {
      throw inRun(run, error);
    }
  }

  async #samples(run: SweepRun, text: string, prompt: number): Promise<Sample[]> {
    const { n, max_tokens: maxTokens, temperature, seed } = this.#sources.plan.request;
    const { signal } = this.#ending;
    if (signal.aborted) throw new TrimtabError("cancelled", "The sweep was ended.");
    const generation = await generateWith(this.#c, this.#sources.found.get(run)!, {
      prompt: this.#prompt(text, run.system),
      sampling: {
        settings: { temperature },
        seed: (seed + prompt) % (MAX_SEED + 1),
        maxTokens,
        stop: [],
        n,
        topLogprobs: 0,
      },
      signal,
    });
    const { choices, usage } = await wholeAnswer(generation.events, n);
    this.#used.prompt += usage.prompt_tokens;
    this.#used.completion += usage.completion_tokens;
    this.#used.steering += usage.steering_tokens ?? 0;
    return this.#judged(choices, text, prompt);
  }

  async #judged(choices: readonly Choice[], text: string, prompt: number): Promise<Sample[]> {
    const { bare, effect } = this.#sources;
    const { signal } = this.#ending;
    const tokens = choices.map(({ scores }) => (scores ?? []).map(({ id }) => id));
    const scorer = effect.kind === "classifier" ? { scorer: { model: effect.model, param: EFFECT_MODEL } } : {};
    const prompts = [{ prompt: this.#prompt(text, null), texts: tokens }];
    const [judging, scores] = await Promise.all([
      judgeTexts(this.#c, { base: bare.base, prompts, likelihood: bare, ...scorer }, signal),
      this.#scored(choices, text),
    ]);
    this.#used.prompt += judging.positions;
    return choices.map((choice, i): Sample => {
      const judged = judging.texts[i]!;
      return {
        prompt,
        text: choice.text,
        tokens: tokens[i]!,
        baseLogprobs: judged.logprobs!,
        effect: scores?.[i] ?? judged.scores![this.#label]!,
      };
    });
  }

  /** The effects that no model measures; undefined where one does. */
  async #scored(choices: readonly Choice[], prompt: string): Promise<number[] | undefined> {
    const { effect } = this.#sources;
    const texts = choices.map(({ text }) => text);
    if (effect.kind === "classifier") return undefined;
    if (effect.kind === "phrases") return texts.map((text) => phraseEffect(text, effect.phrases));
    const request = { texts, prompt, requestId: this.#c.var.requestId };
    return this.#scorers.call(effect.target, request, { deadlineMs: SCORER_DEADLINE_MS, signal: this.#ending.signal });
  }

  /** A conversation of one turn where the base has a chat template, and otherwise the text to continue. */
  #prompt(text: string, system: string | null): GeneratePrompt {
    if (!this.#hasChat) return { kind: "text", prompts: [system === null ? text : `${system}\n\n${text}`] };
    const before = system === null ? [] : [{ role: "system", content: system } as const];
    return { kind: "chat", messages: [...before, { role: "user", content: text }] };
  }
}

function placeOf(label: string, labels: readonly string[]): number {
  const place = labels.indexOf(label);
  if (place >= 0) return place;
  const named = labels.map((known) => JSON.stringify(known)).join(", ");
  const message = `The classifier has no class ${JSON.stringify(label)}; it has ${named}.`;
  throw new TrimtabError("invalid_request", message, { param: "effect.classifier.label" });
}
