import type { CreateJob } from "../../shared/api/jobs.ts";
import { Method } from "../../shared/api/methods.ts";
import { checkRank, resolveTargetModules } from "../../shared/delta/target-modules.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { servedRank } from "../objects/served-rank.ts";

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
 * @throws TrimtabError invalid_request for a rank beyond the smallest matrix or beyond what is served, or target modules that
 *   match nothing.
 */
export function checkMethod(method: Method, baseConfig: unknown, heapLimitBytes: number): void {
  const config = parseModelConfig(baseConfig);
  const { peft, hyperparameters } = method.supervised;
  if (peft.type === "lora") {
    checkRank(resolveTargetModules(config, peft.target_modules), peft.r);
    const served = servedRank(config, heapLimitBytes);
    if (peft.r > served) {
      throw new TrimtabError(
        "invalid_request",
        `\`method.supervised.peft.r\` must be at most ${served}, the largest rank that is served on this model.`,
        { param: "method.supervised.peft.r" },
      );
    }
  }
  const { max_length: length } = hyperparameters;
  if (length !== undefined && length > config.maxPositions) {
    throw new TrimtabError(
      "invalid_request",
      `\`method.supervised.hyperparameters.max_length\` must be at most ${config.maxPositions}, the context of this model.`,
      { param: "method.supervised.hyperparameters.max_length" },
    );
  }
}
