/** Steps in which the texts of a labelling project are sampled and put together as tasks. */
import type { Context } from "hono";
import type { KeptPrompt } from "../../shared/api/kept-completions.ts";
import type { SampleStep } from "../../shared/api/label-work.ts";
import type { ProjectSettings } from "../../shared/api/labeling.ts";
import { type ErrorCode, TrimtabError } from "../../shared/errors.ts";
import { priority } from "../../shared/labeling/priority.ts";
import { groupTexts, type SampledText, uniqueTexts } from "../../shared/labeling/texts.ts";
import { createRandom } from "../../shared/random.ts";
import type { MadePrompt } from "../objects/tenant/labeling.ts";
import type { FoundModel } from "../objects/tenant/models.ts";
import type { EngineMessage, GeneratePrompt } from "../serving/protocol.ts";
import { type Choice, wholeAnswer } from "./answer.ts";
import type { AppEnv } from "./app-env.ts";
import { atMost } from "./at-most.ts";
import { requireTokens } from "./auth.ts";
import { generateWith } from "./generation.ts";
import { answerMessage, provenance } from "./keep-completion.ts";
import { renewing } from "./renewing.ts";
import { type RewardModels, rewardModels } from "./reward-scores.ts";
import { steeringEcho } from "./steering.ts";
import { withParam } from "./sweep-sources.ts";

/** When a step begins no further prompt, in milliseconds: what is left waits for the next step. */
const STEP_MS = 20_000;

/** Sources whose texts of one prompt are made at a time: the batch shares its rows among tenants. */
const SOURCES_AT_ONCE = 4;

type Source = ProjectSettings["sampling"]["sources"][number];

interface FoundSource {
  readonly source: Source;
  readonly found: FoundModel;
}

/** What a project's names mean. */
export interface LabelModels {
  readonly sources: readonly FoundSource[];
  readonly rewards: RewardModels | null;
}

/** @throws TrimtabError model_not_found, invalid_delta, invalid_request and the like, with the field that has the name */
export async function labelModels(
  c: Context<AppEnv>,
  { sampling, selection }: Pick<ProjectSettings, "sampling" | "selection">,
): Promise<LabelModels> {
  const sources: FoundSource[] = [];
  for (const [index, source] of sampling.sources.entries()) {
    const { model: name, deltas = [], steering } = source;
    const found = await c.var.caller.object.models
      .resolve({ name, deltas, steering })
      .catch((error: unknown) =>
        Promise.reject(withParam(error, (param) => `sampling.sources[${index}].${param ?? "model"}`)),
      );
    sources.push({ source, found });
  }
  const named = selection.reward_models.map((name, index) => ({ name, param: `selection.reward_models[${index}]` }));
  return { sources, rewards: named.length === 0 ? null : await rewardModels(c, named) };
}

/**
 * Samples the texts of up to `most` prompts that wait and stores their tasks, prompt by prompt: what is stored stays, whatever
 * becomes of the rest. A prompt that can't be sampled is skipped with the reason.
 *
 * @throws TrimtabError what sampling throws that may succeed another time
 */
export async function makeSamples(c: Context<AppEnv>, project: string, most: number): Promise<SampleStep> {
  const { labeling } = c.var.caller.object;
  const settings = await labeling.get(project);
  const claim = crypto.randomUUID();
  const claimed = await labeling.claim(project, claim, most);
  const step = { prompts: 0, tasks: 0, duplicates: 0, usage: { prompt_tokens: 0, completion_tokens: 0 } };
  const skipped: SampleStep["skipped"] = [];
  const started = Date.now();
  const work = async () => {
    if (claimed.length > 0) await requireTokens(c);
    const models = claimed.length === 0 ? null : await labelModels(c, settings);
    for (const { place, prompt } of claimed) {
      if (step.prompts > 0 && Date.now() - started > STEP_MS) break;
      const { made, duplicates, usage } = await orSkipped(
        { place, prompt },
        promptTasks(c, { models: models!, settings, place, prompt }),
      );
      step.usage.prompt_tokens += usage.prompt_tokens;
      step.usage.completion_tokens += usage.completion_tokens;
      const stored = await labeling.made(project, claim, made);
      if (!stored.held) continue;
      step.prompts += 1;
      step.tasks += stored.tasks;
      step.duplicates += duplicates;
      if (stored.reason !== null) skipped.push({ prompt: place, reason: stored.reason });
    }
  };
  try {
    await renewing(() => labeling.renewClaim(project, claim), work);
  } finally {
    await labeling.release(project, claim);
  }
  const { waiting } = (await labeling.get(project)).counts.prompts;
  return { object: "labeling.samples", ...step, skipped, waiting };
}

interface PromptToSample {
  readonly models: LabelModels;
  readonly settings: ProjectSettings;
  readonly place: number;
  readonly prompt: KeptPrompt;
}

interface PromptTasks {
  readonly made: MadePrompt;
  readonly duplicates: number;
  readonly usage: SampleStep["usage"];
}

/** Errors that a prompt would meet at every step: it must not keep the prompts behind it from being sampled. */
const LASTING: readonly ErrorCode[] = ["context_length_exceeded", "invalid_request", "payload_too_large"];

/** What was made of a prompt, or no tasks and the reason, where trying again would end the same. */
async function orSkipped(
  { place, prompt }: Pick<PromptToSample, "place" | "prompt">,
  made: Promise<PromptTasks>,
): Promise<PromptTasks> {
  try {
    return await made;
  } catch (error) {
    if (!(error instanceof TrimtabError) || !LASTING.includes(error.code)) throw error;
    const usage = { prompt_tokens: 0, completion_tokens: 0 };
    return { made: { place, prompt, tasks: [], reason: error.message }, duplicates: 0, usage };
  }
}

async function promptTasks(c: Context<AppEnv>, asked: PromptToSample): Promise<PromptTasks> {
  const { models, settings, place, prompt } = asked;
  const ending = new AbortController();
  const signal = AbortSignal.any([c.req.raw.signal, ending.signal]);
  const made = await atMost(SOURCES_AT_ONCE, models.sources, {
    work: (source, index) => sampleTexts(c, asked, { index, signal, ...source }),
    failed: () => ending.abort(),
  });
  const sampled = made.flatMap((of) => of.texts);
  const usage = {
    prompt_tokens: made.reduce((sum, of) => sum + of.usage.prompt_tokens, 0),
    completion_tokens: made.reduce((sum, of) => sum + of.usage.completion_tokens, 0),
  };
  const { texts, duplicates, empty } = uniqueTexts(sampled);
  const groups = groupTexts(texts, settings, createRandom(settings.seed, "groups", place));
  const done = (tasks: MadePrompt["tasks"], reason: string | null): PromptTasks => {
    return { made: { place, prompt, tasks, reason }, duplicates, usage };
  };
  if (groups.length === 0) return done([], whyNone(texts.length, empty));
  const messages = texts.map(({ message }) => message);
  const rewards = models.rewards === null ? [] : await models.rewards.score(prompt, messages);
  const middles = rewards.map((of) => of.reduce((sum, value) => sum + value, 0) / of.length);
  const tasks = groups.map((group) => {
    const places = group.map((text) => texts.indexOf(text));
    const logprobs = group.flatMap(({ logprob }) => logprob ?? []);
    const scores = {
      rewards: rewards.map((of) => places.map((at) => of[at]!)),
      logprobs: logprobs.length === group.length ? logprobs : null,
    };
    const shown = group.map(({ message, made }) => ({ message, made }));
    return { texts: shown, priority: priority(settings.selection.by, scores, middles) };
  });
  return done(tasks, null);
}

function whyNone(texts: number, empty: number): string {
  if (texts === 0) return "every text was empty";
  return empty === 0 ? "every text was the same" : "every text that was not empty was the same";
}

/** The texts of one source for one prompt; the same seed gives the same ones. */
async function sampleTexts(
  c: Context<AppEnv>,
  { settings, place, prompt }: PromptToSample,
  { index, signal, source, found }: FoundSource & { readonly index: number; readonly signal: AbortSignal },
): Promise<{ texts: SampledText[]; usage: SampleStep["usage"] }> {
  const { n, temperature, top_p: topP, max_tokens: maxTokens } = settings.sampling;
  const sampling = {
    settings: { temperature, ...(topP === undefined ? {} : { topP }) },
    seed: createRandom(settings.seed, "texts", place, index).below(2 ** 31),
    maxTokens,
    stop: [],
    n,
    topLogprobs: 0,
  };
  try {
    const generation = await generateWith(c, found, {
      prompt: enginePrompt(prompt),
      sampling,
      signal,
    });
    const { choices, usage } = await wholeAnswer(generation.events, n);
    const { model, deltas = [] } = source;
    const echo = steeringEcho(found.steering);
    const made = provenance({ model, deltas, sampling, generation: { ...generation, echo } });
    const texts = choices.map((choice): SampledText => {
      return { message: answerMessage(choice), made, source: index, logprob: meanLogprob(choice) };
    });
    return { texts, usage: { prompt_tokens: usage.prompt_tokens, completion_tokens: usage.completion_tokens } };
  } catch (error) {
    throw inSampling(error, { place, index });
  }
}

function meanLogprob({ scores }: Pick<Choice, "scores">): number | null {
  if (scores === null || scores.length === 0) return null;
  return scores.reduce((sum, { logprob }) => sum + logprob, 0) / scores.length;
}

/** The same error with the prompt and the source that it is of. */
function inSampling(error: unknown, { place, index }: { readonly place: number; readonly index: number }): unknown {
  if (!(error instanceof TrimtabError)) return error;
  const message = `Prompt ${place} of the project, sampled from source ${index}: ${error.message}`;
  return new TrimtabError(error.code, message, { data: error.data, cause: error });
}

/** A prompt as the Engine takes it. */
export function enginePrompt(prompt: KeptPrompt): GeneratePrompt {
  if ("text" in prompt) return { kind: "text", prompts: [prompt.text] };
  return { kind: "chat", messages: prompt.messages as unknown as EngineMessage[] };
}
