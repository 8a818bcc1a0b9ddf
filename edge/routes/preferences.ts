import { createRoute } from "@hono/zod-openapi";
import type { AgreementSummary } from "../../shared/api/agreement.ts";
import { InspectPreferences, PreferenceInspectionReport } from "../../shared/api/preferences.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { type Inspection, PreferenceInspection } from "../../shared/preferences/inspection.ts";
import { PREFERENCE_KINDS, type PreferenceKind, RATER_COLUMNS, readRecord } from "../../shared/preferences/record.ts";
import { datasetRecords } from "../blobs/dataset-records.ts";
import { tenantAuth } from "./auth.ts";
import { jsonBody } from "./json-body.ts";
import { jsonRequest, replies, subApp, TENANT_SECURITY } from "./route.ts";
import { withParam } from "./sweep-sources.ts";

const inspect = createRoute({
  method: "post",
  path: "/inspect",
  tags: ["Feedback"],
  security: TENANT_SECURITY,
  middleware: jsonBody,
  summary: "Look at a file of preferences: repetitions, contradictions, ties, length bias, agreement of its raters",
  request: { body: jsonRequest(InspectPreferences) },
  responses: replies(PreferenceInspectionReport, "What the file looks like"),
});

export const preferences = subApp();
preferences.use("*", tenantAuth());

preferences.openapi(inspect, async (c) => {
  const { file_id: named, training_file: same, kind: asked } = c.req.valid("json");
  const id = (named ?? same)!;
  const param = named === undefined ? "training_file" : "file_id";
  const { files } = c.var.caller.object;
  const atFile = (error: unknown) => Promise.reject(withParam(error, () => param));
  const file = await files.get(id).catch(atFile);
  const kind = kindOf(file.dataset?.kinds ?? [], asked, param);
  const { key, bytes, filename } = await files.source(id).catch(atFile);
  const inspection = new PreferenceInspection(kind);
  const dataset = { key, bytes, name: filename, columns: RATER_COLUMNS };
  for await (const { value, place } of datasetRecords(c.env.BLOBS, dataset)) {
    inspection.add(readRecord(kind, value, place), place.number);
  }
  return c.json({ object: "preferences.inspection" as const, file_id: id, ...plainInspection(inspection.result) }, 200);
});

function kindOf(kinds: readonly string[], asked: PreferenceKind | undefined, param: string): PreferenceKind {
  const held = PREFERENCE_KINDS.filter((kind) => kinds.includes(kind));
  const kind = asked === undefined ? held[0] : held.find((one) => one === asked);
  if (kind !== undefined) return kind;
  const what = kinds.length === 0 ? "no dataset" : kinds.join(", ");
  const message = `The file holds ${what}, and ${asked ?? "no kind of preferences"}${asked === undefined ? "" : " is not among it"}. Name a file of ${PREFERENCE_KINDS.join(", ")}.`;
  throw new TrimtabError("invalid_request", message, { param: asked === undefined ? param : "kind" });
}

type Plain = Omit<PreferenceInspectionReport, "object" | "file_id">;

function plainInspection({ longer_is_better: longer, agreement, examples, ...figures }: Inspection): Plain {
  return {
    ...figures,
    longer_is_better: longer as Plain["longer_is_better"],
    agreement: agreement as AgreementSummary | null,
    examples: [...examples],
  };
}
