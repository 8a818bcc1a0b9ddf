/** Requests that would keep a server busy, if it let them: of every kind that did, and the largest legal ones of each route. */
import { adapterOf, HOSTILE_FILES, HOSTILE_WORK, ordinaryLines } from "./hostile-files.ts";
import { HOSTILE_JSON } from "./hostile-json.ts";

/** What a tenant has uploaded to ask for work on. */
export interface HostileContext {
  readonly model: string;
  /** A dataset of 10 MB. */
  readonly file: string;
  /** Eight adapters of rank 32. */
  readonly deltas: readonly string[];
}

export interface Sent {
  readonly body: string | FormData;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HostileRequest {
  readonly name: string;
  readonly method?: "GET" | "POST";
  readonly path: string;
  /** Milliseconds after which the client hangs up, for work that may take long. */
  readonly longest?: number;
  readonly send: (context: HostileContext) => Sent;
}

export interface Attacker {
  readonly url: string;
  readonly key: string;
}

/** The server is busiest in the first seconds; what it would answer in the end is for other tests. */
const LONGEST_MS = 1_500;

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  { name: "the OpenAPI document", method: "GET", path: "/openapi.json", send: () => ({ body: "" }) },
  ...HOSTILE_JSON,
  ...HOSTILE_FILES,
  ...HOSTILE_WORK,
];

/** Uploads what the requests ask for work on. */
export async function prepareHostile({ url, key }: Attacker, model: string): Promise<HostileContext> {
  const headers = { authorization: `Bearer ${key}` };
  const idOf = async (path: string, body: FormData): Promise<string> => {
    const response = await fetch(url + path, { method: "POST", headers, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status} ${text.slice(0, 300)}`);
    return (JSON.parse(text) as { id: string }).id;
  };
  const lines = new FormData();
  lines.append("purpose", "fine-tune");
  lines.append("file", new Blob([ordinaryLines(10 << 20)]), "work.jsonl");
  const file = await idOf("/v1/files", lines);
  const deltas: string[] = [];
  for (let seed = 0; seed < 8; seed++) {
    const form = new FormData();
    form.append("model", model);
    form.append("file", new Blob(adapterOf(32, seed)), `a${seed}.tar`);
    deltas.push(await idOf("/v1/deltas", form));
  }
  return { model, file, deltas };
}

/** A request with its body made, so that making it takes no time of what is measured. */
export function readied(
  request: HostileRequest,
  context: HostileContext,
  { url, key }: Attacker,
): () => Promise<number> {
  const { body, headers = {} } = request.send(context);
  const method = request.method ?? "POST";
  return async () => {
    const signal = AbortSignal.timeout(request.longest ?? LONGEST_MS);
    try {
      const init = { method, headers: { authorization: `Bearer ${key}`, ...headers }, signal };
      const response = await fetch(url + request.path, method === "GET" ? init : { ...init, body });
      await response.arrayBuffer();
      return response.status;
    } catch (error) {
      // The client hung up, or was cut off by a server that refuses the rest of a body.
      if (signal.aborted || error instanceof TypeError) return 0;
      throw error;
    }
  };
}
