import type { CreateJob } from "../../shared/api/jobs.ts";
import { Method } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { planMethods } from "../../shared/peft/combine.ts";
import { isWholeModel, publishedNumbers } from "../../shared/peft/plan.ts";
import { beyondLimits, servingLimits } from "../serving/limits.ts";

/** The method of a request with every default filled in, whichever of the two ways it came. */
export function methodOf(request: CreateJob): Method {
  const { method, hyperparameters } = request;
  if (hyperparameters === undefined) return method ?? Method.parse({ type: "supervised" });
  if (method !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      "`hyperparameters` is the old place of what `method` holds. Send one of them.",
      {
        param: "hyperparameters",
      },
    );
  }
  return Method.parse({ type: "supervised", supervised: { hyperparameters } });
}

/**
 * Checks a method against the base that it is for, and against the heap that is to serve what comes of it.
 *
 * @throws TrimtabError invalid_request for what a method itself refuses, a run too short for it included, for more ranks,
 *   bottleneck columns, positions or numbers than are served, or for examples longer than the context.
 */
export function checkMethod(method: Method, baseConfig: unknown, heapLimitBytes: number): void {
  const config = parseModelConfig(baseConfig);
  const { peft, hyperparameters } = method.supervised;
  const plan = planMethods({ config, settings: peft, param: "method.supervised.peft" });
  const { serving, checkSteps } = plan;
  const demand = { ...serving, bytes: isWholeModel(plan) ? 0 : 4 * publishedNumbers(plan) };
  const beyond = beyondLimits(demand, servingLimits(config, heapLimitBytes));
  if (beyond !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      `\`method.supervised.peft\` has ${beyond.has}, but the most that is served on this model is ${beyond.most}.`,
      { param: "method.supervised.peft" },
    );
  }
  const { max_length: length, max_steps: steps } = hyperparameters;
  // Otherwise the trainer counts them and says so.
  if (steps !== undefined) checkSteps?.(steps);
  const room = config.maxPositions - serving.positions;
  if (length !== undefined && length > room) {
    const taken = serving.positions === 0 ? "" : ` less the ${serving.positions} positions that the method takes`;
    throw new TrimtabError(
      "invalid_request",
      `\`method.supervised.hyperparameters.max_length\` must be at most ${room}, the context of this model${taken}.`,
      { param: "method.supervised.hyperparameters.max_length" },
    );
  }
}
