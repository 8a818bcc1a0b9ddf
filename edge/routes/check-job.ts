import type { CreateJob } from "../../shared/api/jobs.ts";
import { Method } from "../../shared/api/methods.ts";
import { checkRank, resolveTargetModules } from "../../shared/delta/target-modules.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";

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
 * Checks a method against the base that it is for.
 *
 * @throws TrimtabError invalid_request for a rank beyond the smallest matrix, or target modules that match nothing.
 */
export function checkMethod(method: Method, baseConfig: unknown): void {
  const config = parseModelConfig(baseConfig);
  const { peft, hyperparameters } = method.supervised;
  if (peft.type === "lora") {
    checkRank(resolveTargetModules(config, peft.target_modules), peft.r);
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
