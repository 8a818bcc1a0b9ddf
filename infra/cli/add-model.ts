import { existsSync } from "node:fs";
import { basename, resolve } from "node:path";
import { TrimtabError } from "../../shared/errors.ts";
import { ApiClient } from "../start/api-client.ts";
import { addBase } from "../start/demo-account.ts";
import { listenAddress, urlOf } from "../start/listen-address.ts";
import { DEFAULT_STATE, StateFolder } from "../start/state-folder.ts";

/** A server and the token of its admin. */
export interface AdminAccess {
  readonly url: string;
  readonly token: string;
}

export interface AddModelOptions {
  /** Address of a server, with or without `/v1`; by default the one that runs on this machine. */
  readonly url?: string | undefined;
  /** Admin token; by default ADMIN_TOKEN, or for the server on this machine the one in its state folder. */
  readonly token?: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const FIRST_PORT = 8787;

/**
 * Where to add a model, and with which token.
 *
 * @throws TrimtabError invalid_request for an address that is not a URL, or a missing token; not_found if no stack has run in the
 * state folder.
 */
export function adminAccess({ url, token }: AddModelOptions, env: Environment): AdminAccess {
  const given = token ?? (env.ADMIN_TOKEN || undefined);
  if (url === undefined) {
    const own = urlOf(listenAddress(env.HOST).local, Number(env.PORT || FIRST_PORT));
    return { url: own, token: given ?? StateFolder.existing(env.TRIMTAB_STATE || DEFAULT_STATE).secrets().admin_token };
  }
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) {
    const message = `--url is ${JSON.stringify(url)}: give the server's address, such as https://trimtab.example.com.`;
    throw new TrimtabError("invalid_request", message, { param: "url" });
  }
  if (given === undefined) {
    const message = "Give the server's admin token as --token, or in the environment variable ADMIN_TOKEN.";
    throw new TrimtabError("invalid_request", message, { param: "token" });
  }
  return { url: url.replace(/\/+(?:v1\/*)?$/, ""), token: given };
}

/**
 * Adds a Hugging Face folder to a server as a base model, and returns what to tell the user. Does nothing if the model
 * is already there.
 *
 * @throws TrimtabError invalid_request if there is no such folder, or the server's error.
 */
export async function addModel(
  folder: string,
  id: string | undefined,
  access: AdminAccess,
  { json = false }: { readonly json?: boolean } = {},
): Promise<string> {
  if (!existsSync(folder)) {
    const message = `${folder} does not exist: give a Hugging Face folder with config.json, safetensors and tokenizer.json.`;
    throw new TrimtabError("invalid_request", message, { param: "folder" });
  }
  const base = await addBase(new ApiClient({ ...access, retryForSeconds: 5 }), id ?? basename(resolve(folder)), folder);
  if (json) return `${JSON.stringify(base, null, 2)}\n`;
  const ready = `${base.id} is ready at ${access.url}/v1: use it as \`model\` in chats, completions and fine-tuning jobs.`;
  return [ready, ...(base.notes ?? []), ""].join("\n");
}
