import { TrimtabError } from "../../shared/errors.ts";
import type { GenerateRequest } from "./protocol.ts";

/**
 * Says whose fault numbers are that are not finite: of what the tenant has made or asks for, which has names and weights to change,
 * or of the bare base, which is the server's. Any other error stays as it is.
 */
export function explainNonFinite(
  error: unknown,
  { model: { base, weights, deltas }, name, steering }: Pick<GenerateRequest, "model" | "name" | "steering">,
  deltaId: (digest: string) => string,
): unknown {
  if (!(error instanceof TrimtabError) || error.code !== "non_finite") return error;
  const what = name === undefined ? "The model" : `The model ${JSON.stringify(name)}`;
  const parts = deltas.map(({ digest, weight }) => `${deltaId(digest)} at weight ${weight}`);
  if (weights !== null) parts.unshift(`the full fine-tune of ${base.id}`);
  if (steering !== undefined) parts.push("the request's steering");
  if (parts.length === 0) {
    const message = `The base ${base.id} gives numbers that are not finite. Whoever runs this server has to add a sound copy of it.`;
    return new TrimtabError("internal_error", message, { cause: error });
  }
  const message = `${what} gives numbers that are not finite, so that no token can be chosen. It is ${base.id} with ${parts.join(", ")}. Lower the weights, or train it again with a lower learning rate.`;
  return new TrimtabError("non_finite", message, { param: "model", cause: error });
}
