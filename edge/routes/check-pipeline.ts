import { type Method, Method as MethodSchema, requireStartsFrom, settingsOf } from "../../shared/api/methods.ts";
import { checkReferences } from "../../shared/api/pipeline-references.ts";
import { type Pipeline, type Stage, stagePath } from "../../shared/api/pipelines.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { methodsOf } from "../../shared/peft/presets.ts";
import { checkContinuation, resultOn, type TunedModel } from "./check-continuation.ts";
import { checkMethod } from "./check-job.ts";

export interface PipelineParts {
  readonly pipeline: Pipeline;
  /** The tuned model that the job names; null where it names a base. */
  readonly parent: TunedModel | null;
  /** The base's config.json. */
  readonly config: unknown;
  readonly heapLimitBytes: number;
  /** Whether the request names the methods to train of a stage; the schema fills in a default. */
  readonly asksPeft: (stage: Stage) => boolean;
  /** The method as its job keeps it: with copies of what may change, such as a constitution. */
  readonly complete: (method: Method) => Promise<Method>;
}

/** A stage's method, checked, and the most tokens that one of its sequences may have. */
export interface CheckedStage {
  readonly stage: Stage;
  readonly maxLength: number;
}

/**
 * Checks each stage as the job that it will be: against the base, and against what it starts from as far as that is known before
 * it was made. Fills in the methods of stages that train an earlier stage's adapter further.
 *
 * @throws TrimtabError invalid_request with the stage's field.
 */
export async function checkPipeline(parts: PipelineParts): Promise<readonly CheckedStage[]> {
  const { pipeline, parent, heapLimitBytes } = parts;
  checkReferences(pipeline);
  const config = parseModelConfig(parts.config);
  const made = new Map<string, Made>();
  const checked: CheckedStage[] = [];
  for (const [index, given] of pipeline.stages.entries()) {
    const from = typeof given.model === "object" ? made.get(given.model.stage)! : null;
    await inStage(index, given, async () => {
      requireStartsFrom(given.method, "stage", "method.type");
      const whole = { ...given, method: await parts.complete(given.method) };
      const stage = given.continue_with === "adapter" ? adapterStage(parts, whole, from) : whole;
      const { method } = stage;
      const { maxLength } = checkMethod(method, parts.config, heapLimitBytes);
      // An adapter that is trained further replaces the one it was.
      const start = stage.continue_with === "adapter" ? null : (from?.result ?? parent);
      if (start !== null) checkContinuation(start, { method, config, heapLimitBytes });
      made.set(stage.name, { stage, result: resultOn(start, { method, config }), onOthers: start !== null });
      checked.push({ stage, maxLength });
    });
  }
  return checked;
}

interface Made {
  readonly stage: Stage;
  readonly result: TunedModel;
  /** Whether the result contains what the stage started from, so that the stage's methods are not all of it. */
  readonly onOthers: boolean;
}

/** A stage that trains the adapter of an earlier stage further takes its methods, which its own must equal. */
function adapterStage({ asksPeft }: PipelineParts, stage: Stage, from: Made | null): Stage {
  const refuse = (problem: string, param: string) => new TrimtabError("invalid_request", problem, { param });
  if (from === null) {
    const message = "`continue_with` is `adapter`, which needs the `model` of an earlier stage here. Leave it out.";
    throw refuse(message, "continue_with");
  }
  const { peft } = settingsOf(from.stage.method);
  if (peft === undefined || methodsOf(peft).length === 0 || from.result.kind === "model" || from.onOthers) {
    throw refuse(
      "`model` has no adapter to train further. Leave `continue_with` out to train on its merged weights.",
      "continue_with",
    );
  }
  const own = settingsOf(stage.method);
  const param = `method.${stage.method.type}.peft`;
  if (asksPeft(stage)) {
    if (JSON.stringify(own.peft) === JSON.stringify(peft)) return stage;
    throw refuse(
      `\`${param}\` differs from that of the stage ${from.stage.name}, whose adapter is trained further. Leave it out.`,
      param,
    );
  }
  const { type } = stage.method;
  return { ...stage, method: MethodSchema.parse({ type, [type]: { ...own, peft } }) };
}

/** Runs a check of a stage; its errors name the stage's fields. */
async function inStage(index: number, { model }: Stage, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param === undefined) throw error;
    const own =
      /^(?:method\b|continue_with$)/.test(error.param) || (error.param === "model" && typeof model === "object");
    if (!own) throw error;
    throw stageError(index, error);
  }
}

/** An error of a job as one of the stage that it will be. */
export function stageError(index: number, error: TrimtabError): TrimtabError {
  const { code, param = "", data } = error;
  const path = stagePath(index);
  const message = error.message.replace(/`(method\.[^`]*|model|continue_with)`/g, (_, field) => `\`${path}.${field}\``);
  return new TrimtabError(code, message, { param: `${path}.${param}`, data, cause: error });
}
