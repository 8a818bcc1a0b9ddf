import type { EditOptions } from "../../shared/api/edit-settings.ts";
import { checkOwnSettings, type Method, settingsPath } from "../../shared/api/methods.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type ModelConfig, parseModelConfig } from "../../shared/model/config.ts";
import { readSources } from "../merging/merged-delta.ts";
import type { Remote } from "../objects/rpc.ts";
import type { EditContext } from "../objects/tenant/edits/edit-context.ts";
import type { RequestedDelta } from "../objects/tenant/resolve.ts";
import type { Tenant } from "../objects/tenant.ts";
import { demandOf, servingLimits } from "../serving/limits.ts";

export interface EditTarget extends EditContext {
  readonly config: ModelConfig;
  /** The highest rank that an edit of it can be served with. */
  readonly rank: number;
}

/**
 * What facts for a model are solved on, and what is left to serve the edit with.
 *
 * @throws TrimtabError model_not_found, not_found, invalid_request and invalid_delta, naming the field.
 */
export async function editTarget(
  tenant: Remote<Tenant>,
  { blobs, heapLimitBytes }: { readonly blobs: R2Bucket; readonly heapLimitBytes: number },
  { model, deltas = [] }: { readonly model: string; readonly deltas?: readonly RequestedDelta[] | undefined },
): Promise<EditTarget> {
  const context = await tenant.edits.context(model, deltas);
  const config = parseModelConfig(context.base.config);
  const most = servingLimits(config, heapLimitBytes).rank;
  const sources = await readSources(blobs, context.folders, { config });
  const rank = most - sources.reduce((sum, { delta }) => sum + demandOf(delta).rank, 0);
  if (rank >= 1) return { ...context, config, rank };
  throw new TrimtabError(
    "invalid_request",
    `\`deltas\` have a rank of ${most - rank} with those of \`model\`, and this model serves ${most}, so that none is left for an edit. Merge them: POST /v1/edits/merge, or /v1/deltas/merge with svd.`,
    { param: "deltas" },
  );
}

/** The options with the rank that can be served. Throws `invalid_request` for a higher one. */
export function servedOptions(options: EditOptions, { rank: most }: EditTarget): EditOptions {
  const { rank = most } = options;
  if (rank <= most) return { ...options, rank };
  throw new TrimtabError(
    "invalid_request",
    `\`options.rank\` must be at most ${most}, which is what this model serves.`,
    {
      param: "options.rank",
    },
  );
}

/** Checks the settings of an edit's job against the model; errors name the fields of an edit's request. */
export function checkEditMethod(method: Method, config: ModelConfig): void {
  const place = `${settingsPath(method)}.`;
  try {
    checkOwnSettings(method, config);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    const { code, message, param = "" } = error;
    throw new TrimtabError(code, message.replaceAll(place, ""), { param: param.replace(place, ""), cause: error });
  }
}
