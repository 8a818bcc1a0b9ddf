import type { InlineConstitution } from "../../shared/api/constitutions.ts";
import { type Method, type MethodOf, settingsPath } from "../../shared/api/methods.ts";

/** Where a tenant's constitutions are. */
export interface Constitutions {
  readonly constitutions: { copy(reference: string, param: string): Promise<InlineConstitution> };
}

/**
 * The method with a copy of the constitution that it names, so that the job does not change with it. Throws `not_found` with the
 * field for one that there is not.
 */
export async function withConstitution(method: Method, tenant: Constitutions): Promise<Method> {
  if (method.type !== "constitutional") return method;
  const { constitutional } = method as MethodOf<"constitutional">;
  const { constitution } = constitutional;
  if (typeof constitution !== "string") return method;
  const copy = await tenant.constitutions.copy(constitution, `${settingsPath(method)}.constitution`);
  return { type: "constitutional", constitutional: { ...constitutional, constitution: copy } };
}
