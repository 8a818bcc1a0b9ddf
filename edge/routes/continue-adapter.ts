import type { CreateJob } from "../../shared/api/jobs.ts";
import { Method, settingsOf, settingsPath } from "../../shared/api/methods.ts";
import { MANIFEST_FILE, parseManifest } from "../../shared/delta/manifest.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import {
  configFiles,
  continuedAdapters,
  requireSameSettings,
  settingsOfAdapters,
} from "../../shared/package/continued-adapters.ts";
import type { PeftChoice } from "../../shared/peft/presets.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { JobParent } from "../objects/tenant/job-parent.ts";

export interface AdapterContinuation {
  /** null where `model` is a base. */
  readonly parent: JobParent | null;
  readonly method: Method;
  /** Whether the request has `peft`; without it, the adapter's settings are taken. */
  readonly asksPeft: boolean;
  /** The methods of the job that made the parent; null if none did. */
  readonly madeWith: PeftChoice | null;
  /** The base's config.json. */
  readonly config: unknown;
}

/**
 * The parent and the method of a job that trains a delta's own adapters further. The settings of the job that made the delta
 * are taken where they fit it, since files do not state all of them; they do not fit a result of merging.
 *
 * @throws TrimtabError invalid_request with `continue_with`, `model` or the first setting that differs from the adapter's.
 */
export async function continueAdapter(
  bucket: R2Bucket,
  { parent, method, asksPeft, madeWith, config: json }: AdapterContinuation,
): Promise<{ readonly parent: JobParent; readonly method: Method }> {
  if (parent?.kind !== "delta") {
    const what = parent === null ? "is a base" : "has its own weights";
    throw refuse(
      "continue_with",
      `\`model\` ${what} and has no adapter to train further. Leave \`continue_with\` out.`,
    );
  }
  const config = parseModelConfig(json);
  const param = `${settingsPath(method)}.peft`;
  const reader = new FolderReader(bucket, parent);
  const manifest = parseManifest(await reader.bytes(MANIFEST_FILE));
  const files = new Map<string, Uint8Array>();
  for (const name of configFiles(reader.names)) files.set(name, await reader.bytes(name));
  const continued = { ...parent, continue_with: "adapter" } as const;
  try {
    const adapters = continuedAdapters(files, manifest);
    const fits = (settings: PeftChoice) => requireSameSettings(adapters, { config, settings, param });
    if (asksPeft) {
      const { peft } = settingsOf(method);
      if (peft !== undefined) fits(peft);
      return { parent: continued, method };
    }
    const stated = settingsOfAdapters(adapters, config);
    return {
      parent: continued,
      method: withPeft(method, madeWith !== null && holds(() => fits(madeWith)) ? madeWith : stated),
    };
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param !== undefined) throw error;
    const problem = `the adapter of \`model\` cannot be trained further: ${error.message}. Leave \`continue_with\` out to merge it first.`;
    throw new TrimtabError("invalid_request", problem, { param: "model", cause: error });
  }
}

function withPeft(method: Method, peft: PeftChoice): Method {
  return Method.parse({ type: method.type, [method.type]: { ...settingsOf(method), peft } });
}

function holds(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (error instanceof TrimtabError) return false;
    throw error;
  }
}

/** Whether a request's body names the methods to train; its schema fills in a default. */
export function asksForPeft(body: unknown, { method }: Pick<CreateJob, "method">): boolean {
  if (method === undefined) return false;
  const given = (body as { readonly method?: Readonly<Record<string, unknown>> }).method?.[method.type];
  return typeof given === "object" && given !== null && "peft" in given;
}

function refuse(param: string, message: string): TrimtabError {
  return new TrimtabError("invalid_request", message, { param });
}
