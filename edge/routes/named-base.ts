import { TrimtabError } from "../../shared/errors.ts";
import type { ReadyBase } from "../objects/dispatcher/base-rows.ts";
import type { Remote } from "../objects/rpc.ts";
import type { Tenant } from "../objects/tenant.ts";

/**
 * The base that a request's `model` names, itself or by an alias, for what is made for a base and not for a tuned model.
 *
 * @throws TrimtabError model_not_found, invalid_request for a tuned model, naming its base.
 */
export async function namedBase(tenant: Remote<Tenant>, model: string): Promise<ReadyBase> {
  const { base, tuned } = await tenant.models.base(model);
  if (tuned === null) return base;
  const which = tuned === model ? model : `${model} points to ${tuned}, which`;
  throw new TrimtabError(
    "invalid_request",
    `\`model\` must be a base model: ${which} is tuned from ${base.id}. Send \`model: ${JSON.stringify(base.id)}\`.`,
    { param: "model" },
  );
}
