/** `trimtab edit`: edits of facts from the command line. */
import { writeFileSync } from "node:fs";
import { z } from "zod";
import { Edit, EditCheck, EditList, type EditSummary } from "../../../shared/api/edits.ts";
import { Deleted, listOf } from "../../../shared/api/lists.ts";
import { ModelTracing } from "../../../shared/api/tracing.ts";
import { messageOf, TrimtabError } from "../../../shared/errors.ts";
import { tracingMap } from "../../../shared/plot/tracing-map.ts";
import type { ApiClient } from "../../start/api-client.ts";
import type { CliEffects } from "../effects.ts";
import { jsonText } from "../json-text.ts";
import { type TenantOptions, tenantClient } from "../tenant-access.ts";
import { type FactOptions, readFacts } from "./facts.ts";
import { editTable, shownConflicts, shownEdit } from "./show.ts";
import { watchEdit } from "./watch.ts";

export interface EditCommandOptions extends TenantOptions, FactOptions {
  readonly model?: string | undefined;
  readonly method?: string | undefined;
  /** `ID` or `ID=WEIGHT`. */
  readonly delta?: readonly string[] | undefined;
  /** The API's `options`, as JSON. */
  readonly options?: string | undefined;
  readonly suffix?: string | undefined;
  /** A fact's place in its edit. */
  readonly fact?: string | undefined;
  readonly out?: string | undefined;
  readonly json: boolean;
  /** Whether to wait for the end. */
  readonly wait: boolean;
}

const DEFAULT_MODEL = "trimtab-base";
const LIST_PAGE = 100;

type Action = (client: ApiClient, words: readonly string[], command: Command) => Promise<string>;
interface Command {
  readonly options: EditCommandOptions;
  readonly effects: CliEffects;
}

const ACTIONS = { create, list, show, check, delete: remove, merge, tracing } satisfies Readonly<
  Record<string, Action>
>;
export type EditAction = keyof typeof ACTIONS;

/** The output of `trimtab edit ACTION …`. Throws what the API does. */
export async function editCommand(
  action: EditAction,
  words: readonly string[],
  options: EditCommandOptions,
  effects: CliEffects,
): Promise<string> {
  return ACTIONS[action](tenantClient(options, effects.env), words, { options, effects });
}

async function create(client: ApiClient, [file]: readonly string[], { options, effects }: Command): Promise<string> {
  const { method } = options;
  const request = {
    ...target(options),
    facts: readFacts(file, options),
    ...(method === undefined ? {} : { method }),
    ...(options.suffix === undefined ? {} : { suffix: options.suffix }),
  };
  const edit = await client.post("/v1/edits", request, Edit);
  if (!options.wait) return printed(edit, options);
  const done = await watchEdit(client, edit.id, effects);
  if (done.status !== "succeeded") effects.fail("", 1);
  return printed(done, options);
}

async function list(client: ApiClient, _: readonly string[], { options }: Command): Promise<string> {
  const of = options.model === undefined ? "" : `&model=${encodeURIComponent(options.model)}`;
  const edits: EditSummary[] = [];
  for (let after = "", more = true; more; ) {
    const page = await client.get(`/v1/edits?limit=${LIST_PAGE}${of}${after}`, EditList);
    edits.push(...page.data);
    more = page.has_more;
    after = `&after=${page.last_id}`;
  }
  if (options.json) return jsonText(listOf(edits, edits.length));
  return edits.length === 0 ? "There are no edits.\n" : `${editTable(edits)}\n`;
}

async function show(client: ApiClient, words: readonly string[], { options }: Command): Promise<string> {
  return printed(await client.get(`/v1/edits/${requireId(words)}`, Edit), options);
}

async function check(client: ApiClient, [file]: readonly string[], { options }: Command): Promise<string> {
  const request = { ...target(options), facts: readFacts(file, options), wait: options.wait };
  const found = await client.post("/v1/edits/check", request, EditCheck);
  if (options.json) return jsonText(found);
  const keys = found.keys === "compared" ? "" : "Only the texts were compared, not the facts' keys.\n";
  const why = found.error === null ? "" : `${found.error.message}\n`;
  if (found.conflicts.length === 0) return `No conflicts.\n${keys}${why}`;
  return `${shownConflicts(found.conflicts).join("\n").trimStart()}\n${keys}${why}`;
}

async function remove(client: ApiClient, words: readonly string[], { options, effects }: Command): Promise<string> {
  const id = requireId(words);
  const { fact } = options;
  if (fact === undefined) {
    await client.delete(`/v1/edits/${id}`, Deleted);
    return `${id} is undone.\n`;
  }
  const path = `/v1/edits/${id}/facts/${encodeURIComponent(fact)}`;
  const reply = await client.delete(path, z.union([Edit, Deleted]));
  if ("deleted" in reply) return `${id} is undone: that was its last fact.\n`;
  if (!options.wait) return printed(reply, options);
  const done = await watchEdit(client, id, effects);
  if (done.removal !== null) effects.fail("", 1);
  return printed(done, options);
}

async function merge(client: ApiClient, words: readonly string[], { options }: Command): Promise<string> {
  const suffix = options.suffix === undefined ? {} : { suffix: options.suffix };
  return printed(await client.post("/v1/edits/merge", { edits: words, ...suffix }, Edit), options);
}

/** Writes the heat map to `--out`, and says which layers an edit changes. */
async function tracing(client: ApiClient, [named]: readonly string[], { options, effects }: Command): Promise<string> {
  const model = named ?? options.model ?? DEFAULT_MODEL;
  const path = `/v1/models/${encodeURIComponent(model)}/tracing`;
  let found = await client.get(path, ModelTracing);
  while (found.tracing === null) {
    await effects.sleep(1000);
    found = await client.get(path, ModelTracing);
  }
  if (options.json) return jsonText(found);
  const layers = `MLPs recall the most in layer ${found.tracing.best_layer}.\n`;
  const note = found.note === null ? "" : `${found.note}\n`;
  const out = options.out ?? `${model.replaceAll(/[^A-Za-z0-9._-]/g, "-")}-tracing.svg`;
  writeFileSync(out, tracingMap(found.tracing, found.base));
  return `${note}${layers}Wrote ${out}.\n`;
}

function target({ model = DEFAULT_MODEL, delta = [], options }: EditCommandOptions) {
  const deltas = delta.map((text) => {
    const [, id = text, weight] = /^(.*)=(-?[\d.]+)$/.exec(text) ?? [];
    return weight === undefined ? { id } : { id, weight: Number(weight) };
  });
  return {
    model,
    ...(deltas.length === 0 ? {} : { deltas }),
    ...(options === undefined ? {} : { options: parsed(options) }),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TrimtabError("invalid_request", `--options ${text} is not valid JSON: ${messageOf(cause)}`, { cause });
  }
}

function requireId([id]: readonly string[]): string {
  if (id !== undefined) return encodeURIComponent(id);
  throw new TrimtabError("invalid_request", "Give an edit's id; `trimtab edit list` lists them.");
}

const printed = (edit: Edit, { json }: EditCommandOptions) => (json ? jsonText(edit) : shownEdit(edit));
