/** The items of a run, from wherever its request says they are, checked and stored piece by piece. */
import type { Context } from "hono";
import type { KeptSource } from "../../shared/api/eval-runs.ts";
import { isRecord, type RecordPlace } from "../../shared/data/columns.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { readsSample } from "../../shared/evals/criteria.ts";
import { type ItemSchema, readItemSchema } from "../../shared/evals/item-schema.ts";
import { LIMITS } from "../../shared/limits.ts";
import { datasetRecords } from "../blobs/dataset-records.ts";
import type { EvalRecord } from "../objects/tenant/evals/eval-rows.ts";
import { yieldToEventLoop } from "../serving/yield-to-event-loop.ts";
import type { AppEnv } from "./app-env.ts";
import type { PlannedRun } from "./eval-run-plan.ts";
import { suiteItems } from "./eval-suite.ts";

interface Item {
  readonly item: Readonly<Record<string, unknown>>;
  readonly given?: Readonly<Record<string, unknown>> | undefined;
}

/** Characters of the items of one call, and how many of them. */
const BATCH_LENGTH = 1 << 20;
const BATCH_ITEMS = 200;

/**
 * Gives a run that is being prepared its items.
 *
 * @throws TrimtabError invalid_request for an item that the eval's schema does not allow, with its line or its field; invalid_file
 */
export async function storeItems(
  c: Context<AppEnv>,
  run: string,
  { of, planned: { record, source, base, suite } }: { readonly of: EvalRecord; readonly planned: PlannedRun },
): Promise<void> {
  const { evals } = c.var.caller.object;
  if (suite !== null) {
    await storeAll(
      c,
      run,
      (await suiteItems(c, suite, base!)).map((item) => ({ item: { ...item } })),
    );
    return;
  }
  if (source.type === "suite") return;
  const { source: from } = source;
  if (from.type === "stored_completions" || from.type === "responses") {
    const count = await evals.addKept(run, keptFilter(from, of));
    if (count > 0) return;
    const message =
      "No completion that was kept is like `data_source.source` says. Send `store: true` with requests, or ask for less.";
    throw new TrimtabError("invalid_request", message, { param: "data_source.source" });
  }
  const check = itemCheck(of, record.plan.kind === "grade");
  if (from.type === "file_content") {
    const checked = async function* (): AsyncGenerator<Item> {
      for (const [index, { item, sample }] of from.content.entries()) {
        const field = `data_source.source.content[${index}]`;
        const problem = check({ item, given: sample });
        if (problem !== undefined)
          throw new TrimtabError("invalid_request", `\`${field}\`: ${problem}.`, { param: field });
        yield { item, given: sample };
      }
    };
    return storeAll(c, run, checked());
  }
  const { key, bytes, filename } = await fileSource(c, from.id);
  const lines = datasetRecords(c.env.BLOBS, { key, bytes, name: filename, whole: true });
  const checked = async function* (): AsyncGenerator<Item> {
    for await (const { value, place } of lines) {
      const item = lineItem(value, place);
      const problem = check(item);
      if (problem !== undefined) throw atLine(place, `: ${problem}`);
      yield item;
    }
  };
  return storeAll(c, run, checked());
}

async function storeAll(c: Context<AppEnv>, run: string, items: AsyncIterable<Item> | Iterable<Item>): Promise<void> {
  const { evals } = c.var.caller.object;
  let batch: Item[] = [];
  let [from, length] = [0, 0];
  const flush = async () => {
    if (batch.length > 0) await evals.addItems(run, from, batch);
    from += batch.length;
    batch = [];
    length = 0;
    await yieldToEventLoop();
  };
  for await (const item of items) {
    batch.push(item);
    length += JSON.stringify(item).length;
    if (batch.length >= BATCH_ITEMS || length >= BATCH_LENGTH) await flush();
  }
  await flush();
  if (from > 0) return;
  throw new TrimtabError("invalid_request", "The source has no items.", { param: "data_source.source" });
}

/** What is wrong with an item; undefined for one that the run can use. */
function itemCheck(of: EvalRecord, isGraded: boolean): (item: Item) => string | undefined {
  const { config } = of;
  const schema: ItemSchema | null =
    config.type === "custom" ? readItemSchema(config.item_schema, "data_source_config.item_schema") : null;
  const needsSample = isGraded && of.criteria.some(readsSample);
  return ({ item, given }) => {
    if (!nestsWithin([item, given], LIMITS.jsonNesting)) return `it nests more than ${LIMITS.jsonNesting} levels deep`;
    const length = JSON.stringify(item).length + (given === undefined ? 0 : JSON.stringify(given).length);
    if (length > LIMITS.evalItem) return `it has ${length} bytes, and an item may have ${LIMITS.evalItem}`;
    if (needsSample && given === undefined)
      return "it has no `sample`, which the criteria name; bring one, or name a model that writes it";
    if (needsSample && given !== undefined) {
      const problem = sampleProblem(given);
      if (problem !== undefined) return problem;
    }
    try {
      return schema?.problem(item);
    } catch (error) {
      if (error instanceof TrimtabError) return error.message;
      throw error;
    }
  };
}

/** What is wrong with a sample that came with its item: what it says must be where criteria look for it. */
function sampleProblem(given: Readonly<Record<string, unknown>>): string | undefined {
  const { output_text: text, choices } = given;
  if (text != null && typeof text !== "string") return "`sample.output_text` must be a string";
  if (choices != null && !Array.isArray(choices)) return "`sample.choices` must be a list";
  if (Object.values(given).some((value) => value != null)) return undefined;
  return "its `sample` is empty; write it as `output_text`, or as `choices` as a chat reply has them";
}

/** Without recursion, since what comes from a file may nest as deep as its line is long. */
function nestsWithin(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels + 1) return false;
    level = level.flatMap((one) => (typeof one === "object" && one !== null ? Object.values(one) : []));
  }
  return true;
}

function lineItem(value: unknown, place: RecordPlace): Item {
  const fields = isRecord(value) ? value : {};
  const item = inTable(fields.item);
  if (!isRecord(item)) throw atLine(place, ' has no item: write each line as {"item": {…}}');
  const given = inTable(fields.sample) ?? undefined;
  if (given !== undefined && !isRecord(given)) throw atLine(place, ": its sample is not an object");
  return { item, given };
}

/** A cell of a table holds an object as JSON, or nothing. A text that is no JSON stays what it is. */
function inTable(value: unknown): unknown {
  if (typeof value !== "string") return value;
  if (value.trim() === "") return undefined;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

async function fileSource(c: Context<AppEnv>, id: string) {
  try {
    return await c.var.caller.object.files.source(id);
  } catch (error) {
    if (!(error instanceof TrimtabError)) throw error;
    throw new TrimtabError(error.code, error.message, { param: "data_source.source.id", cause: error });
  }
}

function atLine({ unit, number, file }: RecordPlace, problem: string): TrimtabError {
  const where = `${unit.slice(0, 1).toUpperCase()}${unit.slice(1)} ${number} of ${file}`;
  const details = { param: "data_source.source.id", data: { line: number } };
  return new TrimtabError("invalid_request", `${where}${problem}.`, details);
}

function keptFilter(from: KeptSource, of: EvalRecord) {
  const { model, created_after: createdAfter, created_before: createdBefore, metadata = {}, limit } = from;
  const own = of.config.type === "custom" ? {} : (of.config.metadata ?? {});
  const sampled = from.type === "responses" ? { temperature: from.temperature, topP: from.top_p } : {};
  const kind = from.type === "responses" ? ("response" as const) : ("chat" as const);
  return { kind, model, createdAfter, createdBefore, metadata: { ...own, ...metadata }, limit, ...sampled };
}
