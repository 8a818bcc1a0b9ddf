import { TrimtabError } from "../../shared/errors.ts";

/** The error for a model of the tenant's own whose base was deleted. */
export function baseGone(name: string, base: string, param = "model"): TrimtabError {
  return new TrimtabError(
    "model_not_found",
    `The base model ${JSON.stringify(base)} of ${JSON.stringify(name)} was deleted. It works again once the same base is added.`,
    { param },
  );
}

/** The error for a model name that the tenant cannot use. */
export function unknownModel(name: string, param = "model"): TrimtabError {
  return new TrimtabError(
    "model_not_found",
    `The model ${JSON.stringify(name)} does not exist or is not yours. GET /v1/models lists what you can use.`,
    { param },
  );
}
