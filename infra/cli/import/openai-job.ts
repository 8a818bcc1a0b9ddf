import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FileObject } from "../../../shared/api/files.ts";
import { Job } from "../../../shared/api/jobs.ts";
import { Deleted } from "../../../shared/api/lists.ts";
import { messageOf, TrimtabError } from "../../../shared/errors.ts";
import type { ApiClient } from "../../start/api-client.ts";
import type { CliEffects } from "../effects.ts";
import { type WatchedJob, watchJob } from "../jobs/watch.ts";
import { jsonText } from "../json-text.ts";
import { type ImportSettings, importedJob } from "./openai-job-request.ts";

export interface ImportJobOptions extends ImportSettings {
  /** `ID=PATH` for files that are not beside the job under their ids. */
  readonly files?: readonly string[] | undefined;
  readonly dryRun?: boolean | undefined;
  readonly watch?: boolean | undefined;
  readonly json: boolean;
}

/**
 * Uploads a job's files and creates the job; deletes the files again if the server refuses it.
 *
 * @param connect called only when something is to be sent
 * @throws TrimtabError invalid_request for a job or file that is missing or cannot be imported, or the server's error.
 */
export async function importJob(
  connect: () => ApiClient,
  path: string,
  options: ImportJobOptions,
  effects: Pick<CliEffects, "print" | "progress" | "now" | "sleep">,
): Promise<WatchedJob> {
  const { request, files, notes } = importedJob(readJson(path), basename(path), options);
  const paths = Object.entries(files).map(([field, id]) => ({ field, path: fileOf(id, path, options.files ?? []) }));
  const told = notes.map((note) => `${note}\n`).join("");
  if (options.dryRun) {
    const shown = { ...request, ...Object.fromEntries(paths.map(({ field, path: found }) => [field, found])) };
    return {
      text: options.json ? jsonText({ request: shown, notes }) : `${told}\n${jsonText(shown)}`,
      succeeded: true,
    };
  }
  const client = connect();
  const job = await create(client, request, paths);
  if (!options.json) effects.print(`${told}Created ${job.id}.\n`);
  if (options.watch) return watchJob(client, job.id, options.json, effects);
  const text = options.json ? jsonText({ job, notes }) : `Follow it with: trimtab jobs watch ${job.id}\n`;
  return { text, succeeded: true };
}

async function create(
  client: ApiClient,
  request: Readonly<Record<string, unknown>>,
  paths: readonly { readonly field: string; readonly path: string }[],
): Promise<Job> {
  const uploaded: Record<string, string> = {};
  try {
    for (const { field, path } of paths) {
      const bytes = new Uint8Array(readFileSync(path));
      uploaded[field] = (await client.upload("/v1/files", basename(path), bytes, FileObject)).id;
    }
    return await client.post("/v1/fine_tuning/jobs", { ...request, ...uploaded }, Job);
  } catch (error) {
    for (const id of Object.values(uploaded)) await client.delete(`/v1/files/${id}`, Deleted).catch(() => {});
    throw error;
  }
}

function readJson(path: string): unknown {
  let text: string;
  try {
    // PowerShell writes a byte order mark.
    text = readFileSync(path, "utf8").replace(/^\uFEFF/, "");
  } catch (cause) {
    throw new TrimtabError("invalid_request", `${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrimtabError("invalid_request", `${path} is not valid JSON: ${messageOf(cause)}`, { cause });
  }
}

/** Where the file with OpenAI's id is on this machine. */
function fileOf(id: string, job: string, given: readonly string[]): string {
  const named = given.find((pair) => pair.startsWith(`${id}=`))?.slice(id.length + 1);
  const beside = ["", ".jsonl", ".jsonl.gz"].map((ending) => join(dirname(job), `${basename(id)}${ending}`));
  const found = (named === undefined ? beside : [named]).find((path) => existsSync(path));
  if (found !== undefined) return found;
  const looked = named ?? `${beside[0]} or ${beside[1]}`;
  const message = `The file ${id} is not at ${looked}. Download it from OpenAI (GET /v1/files/${id}/content), or say where it is with --file ${id}=PATH.`;
  throw new TrimtabError("invalid_request", message, { param: "file" });
}
