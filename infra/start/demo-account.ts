/** Sets up what a new stack needs before it can be used: the embedded base model, and a tenant with a key. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { BaseModel, NewKey, Tenant } from "../../shared/api/admin.ts";
import { ARTEFACT_KINDS } from "../../shared/api/artefact-kinds/registry.ts";
import { ModelList } from "../../shared/api/models.ts";
import { TRAINER_HEADERS } from "../../shared/api/trainer.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { sha256Hex } from "../../shared/formats/digest.ts";
import { requireModelFolder } from "../../shared/model/require-model-folder.ts";
import { ApiClient } from "./api-client.ts";
import type { StateFolder } from "./state-folder.ts";

/** The embedded base model, and the folder that it comes from. */
export const BASE_ID = "trimtab-base";
export const BASE_FOLDER = join(import.meta.dirname, "../base/model");
const DEMO_TENANT = "demo";
/** In the state folder: the demo tenant's key. */
export const KEY_FILE = "demo.json";
const SavedKey = z.strictObject({ key: z.string() });

/**
 * Adds a Hugging Face folder as a base model. The folder is checked here, then the server checks all files but the
 * weights, and only then uploads the weights. Does nothing if the base is already there, and skips files uploaded
 * earlier.
 *
 * @throws TrimtabError invalid_model with everything that has to change, conflict if a base of that name has different files.
 */
export async function addBase(admin: ApiClient, id: string, folder: string): Promise<BaseModel> {
  const names = readdirSync(folder).sort();
  requireModelFolder(names, (name) => new Uint8Array(readFileSync(join(folder, name))));
  const files = await Promise.all(
    names
      .filter((name) => ARTEFACT_KINDS.model.fileNames.some((allowed) => allowed.test(name)))
      .map(async (name) => {
        const bytes = new Uint8Array(readFileSync(join(folder, name)));
        return { name, bytes, sha256: await sha256Hex(bytes) };
      }),
  );
  const listed = files.map(({ name, bytes, sha256 }) => ({ name, bytes: bytes.length, sha256 }));
  const announced = await admin.post("/v1/admin/models", { id, files: listed }, BaseModel).catch((error) => {
    if (!(error instanceof TrimtabError && error.code === "conflict")) throw error;
    const advice = "Delete the state folder, or set TRIMTAB_STATE to another one.";
    throw new TrimtabError("conflict", `The server's version of ${id} differs from ${folder}. ${advice}`, {
      cause: error,
    });
  });
  if (announced.status === "ready") return announced;
  const path = `/v1/admin/models/${encodeURIComponent(id)}`;
  const isWeights = ({ name }: { readonly name: string }) => name.endsWith(".safetensors");
  const send = async (some: typeof files) => {
    for (const { name, bytes, sha256 } of some) {
      if (announced.files.find((file) => file.name === name)?.uploaded) continue;
      await admin.put(`${path}/files/${name}`, bytes, { [TRAINER_HEADERS.sha256]: sha256 }, BaseModel);
    }
  };
  await send(files.filter((file) => !isWeights(file)));
  await admin.post(`${path}/check`, {}, BaseModel);
  await send(files.filter(isWeights));
  return await admin.post(`${path}/publish`, {}, BaseModel);
}

/** The demo tenant's key: the previous run's if it still works, otherwise a new one. */
export async function demoKey(admin: ApiClient, url: string, state: StateFolder): Promise<string> {
  const saved = state.readJson(KEY_FILE, SavedKey)?.key;
  if (saved !== undefined && (await works(url, saved))) return saved;
  try {
    await admin.post("/v1/admin/tenants", { id: DEMO_TENANT }, Tenant);
  } catch (error) {
    if (!(error instanceof TrimtabError && error.code === "conflict")) throw error;
  }
  const { key } = await admin.post(`/v1/admin/tenants/${DEMO_TENANT}/keys`, { name: "npm start" }, NewKey);
  state.writePrivateJson(KEY_FILE, { key } satisfies z.infer<typeof SavedKey>);
  return key;
}

/**
 * Makes a stack that nobody has used yet ready for a first request, and does nothing from then on: a base or a tenant that was
 * deleted stays deleted.
 *
 * @returns the demo tenant's key; undefined if it was revoked
 */
export async function setUp(admin: ApiClient, url: string, state: StateFolder): Promise<string | undefined> {
  const saved = state.readJson(KEY_FILE, SavedKey)?.key;
  if (saved !== undefined) return (await works(url, saved)) ? saved : undefined;
  await addBase(admin, BASE_ID, BASE_FOLDER);
  // The key is saved last, so that the next start resumes an interrupted set-up.
  return await demoKey(admin, url, state);
}

async function works(url: string, key: string): Promise<boolean> {
  try {
    await new ApiClient({ url, token: key }).get("/v1/models", ModelList);
    return true;
  } catch (error) {
    if (error instanceof TrimtabError && error.code === "invalid_api_key") return false;
    throw error;
  }
}
