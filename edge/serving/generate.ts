import type { GenerateEvent } from "../../shared/decode/events.ts";
import type { SearchPlan } from "../../shared/search/plan.ts";
import { scorerDeadline } from "../../shared/search/registry.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { ScorerCaller } from "../scoring/call-scorer.ts";
import type { ScoreRequest } from "../scoring/target.ts";
import { replyCalls } from "./calls.ts";
import { candidateScorer } from "./candidate-scorer.ts";
import { type Choice, choicePlans, startOf } from "./choices.ts";
import { conditionOf } from "./conditional-deltas.ts";
import type { BatchRequest, RequestEnd } from "./generation.ts";
import { explainNonFinite } from "./not-finite.ts";
import { acquireOnAllBases } from "./other-bases.ts";
import { encodePrompts } from "./prompt.ts";
import { PromptReport, type PromptReportOptions } from "./prompt-report.ts";
import type { GenerateRequest } from "./protocol.ts";
import { replyRule } from "./reply-rule.ts";
import { requireSearchRoom, runSearch } from "./search/run-search.ts";
import type { ScoreTexts, SearchOptions } from "./search/search-run.ts";
import type { ServedModel } from "./served-model.ts";
import { NO_STEERING, planSteering, type SteeringPlan } from "./steering-plan.ts";

export interface GenerateContext {
  /** Takes every event; must not throw. */
  readonly emit: (event: GenerateEvent) => void;
  /** Called once the request is in the batch, with a function that cancels it. */
  readonly onStart: (cancel: () => void) => void;
  /** The tenant's id for the delta with that digest. */
  readonly deltaId: (digest: string) => string;
  /** Another base, for a row that steers with it. */
  readonly loadBase: (folder: StoredFolder) => Promise<ServedModel>;
  /** Asks a registered scorer. */
  readonly callScorer: ScorerCaller["call"];
  readonly yieldToEventLoop: () => Promise<void>;
  readonly randomSeed: () => number;
}

/** The names of the request's own model and of the bare base among its row models; the others have paths. */
const OWN = "own";
const BASE = "base";

/**
 * Runs a request on a model that is in memory, from its prompts to the `usage` event; `start` comes once everything is checked
 * that can be refused. Resolves when its last row has left the batch; rejects with the error that ended it. Releases deltas and
 * weights either way.
 */
export async function generate(model: ServedModel, request: GenerateRequest, context: GenerateContext): Promise<void> {
  const { emit, deltaId, randomSeed, callScorer } = context;
  const calls = replyCalls(model, request);
  const rule = replyRule(model, request, calls);
  const prompts = await encodePrompts(model, request.prompt, context.yieldToEventLoop);
  const ending = new AbortController();
  const scorer = candidateScorer(model, request, { callScorer, signal: ending.signal });
  const { steering } = request;
  const base = { ...request.model, weights: null, deltas: [] };
  const own = { [OWN]: request.model, [BASE]: base };
  const further = steering?.conditional.map(({ delta }) => delta) ?? [];
  const models = await acquireOnAllBases(model, {
    tenant: request.tenant,
    models: { ...steering?.models, ...own },
    further,
    deltaId,
    loadBase: context.loadBase,
  });
  try {
    const plan: SteeringPlan =
      steering === undefined
        ? NO_STEERING
        : planSteering(model, { steering, own: request.model, base, models, isChat: request.prompt.kind === "chat" });
    model.loop.reserve(plan.takes.exits ?? []);
    const report = reportOf(model, request, { prompts, emit });
    const condition = conditionOf(steering?.conditional ?? [], (met) => models.get(OWN, met).deltas);
    const choices = choicePlans(model, request, {
      prompts,
      plan,
      rule,
      ...(scorer === undefined ? {} : { scorer }),
      ...(calls === undefined ? {} : { calls }),
      ...(report === undefined ? {} : { scoring: (p: number) => report.scoring(p) }),
      modelOf: (row) => models.get(typeof row === "string" ? row : row.at),
      ...(condition === undefined ? {} : { condition }),
      randomSeed,
    });
    for (const choice of plan.perturbedBy === undefined ? [] : choices)
      model.loop.requireRoom(choice.generation(), plan);
    const search = plan.search === undefined ? undefined : searchOf(plan.search, { choices, model, request, context });
    if (search !== undefined) requireSearchRoom(search);
    emit(startOf(model, request));
    const end = await (search === undefined
      ? finished(model, { tenant: request.tenant, choices, emit, report }, context)
      : runSearch(search, context.onStart));
    const { cachedTokens, steeringTokens, completionTokens } = end;
    emit({
      type: "usage",
      promptTokens: prompts.reduce((sum, { length }) => sum + length, 0),
      completionTokens,
      cachedTokens,
      ...(steering === undefined ? {} : { steeringTokens }),
    });
  } catch (error) {
    throw explainNonFinite(error, request, deltaId);
  } finally {
    ending.abort();
    models.release();
  }
}

/** What is told of the prompts; undefined if the request does not ask. */
function reportOf(
  { tokenizer }: ServedModel,
  { prompt, sampling: { n }, ofPrompts }: GenerateRequest,
  rest: Pick<PromptReportOptions, "prompts" | "emit">,
): PromptReport | undefined {
  if (ofPrompts === undefined) return undefined;
  return new PromptReport({ tokenizer, prompt, n, asked: ofPrompts, ...rest });
}

interface Finished extends Pick<BatchRequest, "tenant" | "emit"> {
  readonly choices: readonly Choice[];
  readonly report: PromptReport | undefined;
}

async function finished(
  { loop }: ServedModel,
  { choices, emit, report, tenant }: Finished,
  { onStart }: GenerateContext,
): Promise<RequestEnd & { readonly completionTokens: number }> {
  const generations = choices.map((choice) => choice.generation());
  const told = report === undefined ? emit : (event: GenerateEvent) => report.emit(event);
  // What follows a prompt that is read alone is no text.
  const isText = choices.some(({ maxTokens }) => maxTokens > 0);
  const end = await new Promise<RequestEnd>((resolve, reject) => {
    const settle = (ended: RequestEnd) => {
      const error = report?.failure ?? ended.error;
      if (error === undefined) resolve(ended);
      else reject(error);
    };
    const batched: BatchRequest = { tenant, generations, emit: isText ? told : () => {}, settle };
    const cancel = () => loop.cancel(batched);
    // Not at once: a step is in progress.
    report?.onFailure(() => queueMicrotask(cancel));
    loop.submit(batched);
    onStart(cancel);
  });
  if (isText)
    return { ...end, completionTokens: generations.reduce((sum, { sequence }) => sum + sequence.generated.length, 0) };
  for (const { index } of choices) told({ type: "finish", choice: index, reason: "length" });
  return { ...end, completionTokens: 0 };
}

interface SearchParts {
  readonly choices: readonly Choice[];
  readonly model: ServedModel;
  readonly request: GenerateRequest;
  readonly context: GenerateContext;
}

function searchOf(plan: SearchPlan, { choices, model, request, context }: SearchParts): SearchOptions {
  const { emit, yieldToEventLoop, callScorer } = context;
  const { requestId, tenant, steering } = request;
  const scorer = steering?.search?.scorer;
  const deadlineMs = scorerDeadline(plan.asked);
  const scoreTexts: ScoreTexts = (choice, texts, signal) =>
    callScorer(scorer!, { texts, requestId, ...judgedPrompt(request, choice) }, { deadlineMs, signal });
  return {
    loop: model.loop,
    tenant,
    choices,
    plan,
    emit,
    yieldToEventLoop,
    ...(scorer === undefined ? {} : { scoreTexts }),
  };
}

/** What a scorer is told of the prompt; nothing of one that is token ids. */
function judgedPrompt({ prompt }: GenerateRequest, choice: Choice): Pick<ScoreRequest, "prompt"> {
  if (prompt.kind === "chat") return { prompt: prompt.messages.map(({ role, content }) => ({ role, content })) };
  const text = prompt.prompts[choice.prompt];
  return typeof text === "string" ? { prompt: text } : {};
}
