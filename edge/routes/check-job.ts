import type { CreateJob } from "../../shared/api/jobs.ts";
import { Method } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { planMethods } from "../../shared/peft/combine.ts";
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
  const { serving } = planMethods({ config, settings: peft, param: "method.supervised.peft" });
  const served = servedRank(config, heapLimitBytes);
  if (serving.rank > served) {
    throw new TrimtabError(
      "invalid_request",
      `\`method.supervised.peft\` has a rank of ${serving.rank}, but the largest that is served on this model is ${served}.`,
      { param: "method.supervised.peft" },
    );
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
