/** Suites of this server as evals, and their items as those of a run. */
import type { Context } from "hono";
import { TrimtabError } from "../../shared/errors.ts";
import type { Criterion } from "../../shared/evals/criteria.ts";
import { PROBES_FILE, parseProbes } from "../../shared/evaluation/probes.ts";
import { SUITES, suiteNamed } from "../../shared/evaluation/suites/registry.ts";
import type { Suite, SuiteItem, SuiteSource } from "../../shared/evaluation/suites/suite.ts";
import { PartGrader } from "../../shared/graders/parts.ts";
import { FolderReader } from "../blobs/folder-reader.ts";
import type { StoredFolder } from "../blobs/stored-folder.ts";
import type { EvalRecord } from "../objects/tenant/evals/eval-rows.ts";
import type { AppEnv } from "./app-env.ts";

/** @throws TrimtabError not_found, naming the suites that there are */
export function requireSuite(name: string, param: string): Suite {
  const suite = suiteNamed(name);
  if (suite !== undefined) return suite;
  const known = SUITES.map((one) => one.name).join(", ");
  throw new TrimtabError("not_found", `There is no suite ${JSON.stringify(name)}. There are: ${known}.`, { param });
}

/** An eval that runs a suite. */
export function suiteRecord(suite: Suite, { name, metadata }: Pick<EvalRecord, "name" | "metadata">): EvalRecord {
  const criteria = suite.mode === "choose" ? [] : suite.criteria.map((one) => PartGrader.parse(one) as Criterion);
  const item_schema = { type: "object" };
  const config = { type: "custom" as const, item_schema, include_sample_schema: suite.mode === "generate" };
  return { name: name === "" ? suite.title : name, metadata, config, criteria, suite: suite.name };
}

/**
 * A suite's items for a model on a base, some of which the base's folder may bring.
 *
 * @throws TrimtabError invalid_request where the base brings none that the suite needs
 */
export async function suiteItems(
  c: Context<AppEnv>,
  suite: Suite,
  base: StoredFolder & { readonly id: string },
): Promise<readonly SuiteItem[]> {
  const reader = new FolderReader(c.env.BLOBS, base);
  const source: SuiteSource = reader.has(PROBES_FILE) ? { probes: parseProbes(await reader.bytes(PROBES_FILE)) } : {};
  const items = suite.items(source);
  if (items.length > 0) return items;
  const message = `The suite ${suite.name} has no items for ${base.id}: they come with a base, in its ${PROBES_FILE}.`;
  throw new TrimtabError("invalid_request", message, { param: "data_source.model" });
}
