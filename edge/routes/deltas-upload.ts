import { createRoute } from "@hono/zod-openapi";
import type { Context } from "hono";
import { Delta } from "../../shared/api/models.ts";
import type { CanonicalDelta } from "../../shared/delta/canonical.ts";
import type { Manifest } from "../../shared/delta/manifest.ts";
import { SERVING_FILE } from "../../shared/delta/serving-file.ts";
import { checkSteering } from "../../shared/delta/steering.ts";
import { sumDeltas } from "../../shared/delta/sum.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { quoteName } from "../../shared/formats/strict-json.ts";
import { LIMITS } from "../../shared/limits.ts";
import { readAdapterParts, type UploadedParts } from "../../shared/package/adapter-parts.ts";
import { type Provenance, writeDeltaFolder } from "../../shared/package/delta-folder.ts";
import { ADAPTER_CONFIG, baseName } from "../../shared/peft/adapter-folder.ts";
import type { Adapter } from "../../shared/peft/method.ts";
import { ADAPTER_FORMATS } from "../../shared/peft/registry.ts";
import { unpackArchive } from "../blobs/archive.ts";
import { baseAccess } from "../blobs/base-access.ts";
import { formBoundary } from "../blobs/multipart.ts";
import { type ReceivedArchive, receiveArchive } from "../blobs/receive-archive.ts";
import { heapLimitBytes } from "../env.ts";
import type { ReadyBase } from "../objects/dispatcher/base-rows.ts";
import { dispatcherObject } from "../objects/remote.ts";
import { Pace } from "../pace/pace.ts";
import { servingLimits } from "../serving/limits.ts";
import { requireRoom, requireServable } from "../serving/servable.ts";
import type { AppEnv } from "./app-env.ts";
import { tenantAuth } from "./auth.ts";
import { namedBase } from "./named-base.ts";
import { publishFolder } from "./publish-folder.ts";
import { replies, streamedRequest, subApp, TENANT_SECURITY } from "./route.ts";
import { uploadOnce } from "./upload-once.ts";

const upload = createRoute({
  method: "post",
  path: "/",
  tags: ["Deltas"],
  security: TENANT_SECURITY,
  summary: "Upload an adapter that peft or AdapterHub made, as a tar or zip archive of its folder",
  request: {
    body: streamedRequest("multipart/form-data", {
      type: "object",
      required: ["file", "model"],
      properties: {
        file: { type: "string", format: "binary" },
        model: { type: "string", description: "The base model that the adapter was made for, or an alias of it" },
        suffix: { type: "string", maxLength: LIMITS.suffix },
      },
    }),
  },
  responses: replies(Delta, "The delta; the existing one if the contents are the same"),
});

export const deltasUpload = subApp();
deltasUpload.use("*", tenantAuth());

deltasUpload.openapi(upload, async (c) => {
  const tenant = c.var.caller.object;
  const boundary = formBoundary(c.req.header("content-type"), "`file` and `model`");
  if (Number(c.req.header("content-length") ?? 0) > LIMITS.deltaUpload + LIMITS.multipartOverhead) {
    const message = `The archive is larger than ${LIMITS.deltaUpload} bytes. Send less: \`merge_and_unload\` makes a base of it.`;
    throw new TrimtabError("payload_too_large", message, { param: "file" });
  }
  const { body } = c.req.raw;
  if (body === null)
    throw new TrimtabError("invalid_request", "The body is empty. Send a form with `file` and `model`.");
  return uploadOnce(c, tenant, async (identify) => {
    const received = await receiveArchive({ body, boundary });
    const { filename, sha256, model, suffix } = received;
    const { replay, key } = await identify([filename, sha256, model, suffix]);
    if (replay !== null) return replay as never;
    const base = await namedBase(tenant, model);
    const { files, ignoredFiles } = await deltaFiles(c, received, base);
    const folder = { kind: "delta", files, base, suffix, ignoredFiles } as const;
    const delta = await publishFolder(c.env.BLOBS, tenant, folder, key);
    return c.json(delta as Delta, 200);
  });
});

/**
 * The stored part of an upload (its adapters as they came, their serving form, and a manifest) and the names of ignored
 * files.
 */
async function deltaFiles(
  c: Context<AppEnv>,
  received: ReceivedArchive,
  base: ReadyBase,
): Promise<{ files: Map<string, Uint8Array>; ignoredFiles: readonly string[] }> {
  const target = await baseAccess(c.env.BLOBS, base);
  try {
    const pace = new Pace(c.var.caller.id);
    const files = await unpackArchive(received.bytes, LIMITS.deltaUpload, pace);
    await pace.turn();
    const {
      adapters,
      scorer,
      manifest,
      ignored: ignoredFiles,
    } = await readAdapterParts(files, target, ADAPTER_FORMATS);
    await pace.turn();
    for (const adapter of adapters) await requireOwnBase(c, adapter, base);
    if (manifest?.steering !== undefined) checkSteering(manifest.steering, target.config);
    const provenance: Provenance = {
      base_model: base.id,
      base_digest: base.digest,
      tokenizer_digest: target.tokenizerDigest,
      data_digests: manifest?.data_digests ?? [],
      metrics: manifest?.metrics ?? {},
      parents: manifest?.parents ?? [],
      ...(manifest === undefined ? {} : beyondFolders(manifest)),
      ...(manifest?.created_at === undefined ? {} : { created_at: manifest.created_at }),
    };
    const limits = servingLimits(target.config, heapLimitBytes(c.env));
    requireServable(servedForm({ adapters, scorer }), limits);
    await pace.turn();
    const written = await writeDeltaFolder(adapters, provenance, scorer);
    requireRoom(written.get(SERVING_FILE)?.length ?? 0, limits);
    return { files: written, ignoredFiles };
  } catch (error) {
    if (!(error instanceof TrimtabError) || error.param !== undefined) throw error;
    throw new TrimtabError(error.code, error.message, { param: "file", data: error.data, cause: error });
  }
}

/** What requests are served of an upload. */
function servedForm({ adapters, scorer }: Pick<UploadedParts, "adapters" | "scorer">): CanonicalDelta {
  const delta = sumDeltas(adapters.map((adapter) => ({ delta: adapter.delta, weight: 1 })));
  return scorer === undefined ? delta : { ...delta, scorer };
}

/**
 * Only names distinguish bases of equal shapes: an adapter that names another base on this server, or a folder with
 * that base's name, was made for that base.
 */
async function requireOwnBase(c: Context<AppEnv>, { files }: Adapter, base: ReadyBase): Promise<void> {
  const named = baseName(files);
  if (named === undefined) return;
  const folder = named.split(/[\\/]/).findLast((part) => part !== "") ?? named;
  const ids = new Set([named, folder]);
  if (ids.has(base.id)) return;
  for (const id of ids) {
    const other = await dispatcherObject(c.env).bases.ready(id);
    if (other === null || other.digest === base.digest) continue;
    throw new TrimtabError(
      "invalid_delta",
      `${ADAPTER_CONFIG} says that the adapter was made for ${quoteName(named)}; send \`model: ${JSON.stringify(id)}\`, or correct the name`,
      { data: { wanted: other.digest, given: base.digest } },
    );
  }
}

/** Facts that only the manifest has: how a delta was merged or steers, the form of its base, and what made it, where stated. */
function beyondFolders({ merge, base_quantization, steering, methods }: Manifest): Partial<Provenance> {
  return {
    ...(steering === undefined ? {} : { steering, methods }),
    ...(merge === undefined ? {} : { merge, methods }),
    ...(base_quantization === undefined ? {} : { base_quantization, methods }),
  };
}
