import { blobs } from "../blob-ledger.ts";
import { idempotency } from "../idempotency.ts";
import { account } from "./account.ts";
import { aliases } from "./aliases.ts";
import { artefacts } from "./artefacts.ts";
import { checkpoints } from "./checkpoints.ts";
import { constitutions } from "./constitutions.ts";
import { deltas } from "./deltas.ts";
import { edits } from "./edits/edits.ts";
import { evals } from "./evals/evals.ts";
import { events } from "./events.ts";
import { feedback } from "./feedback.ts";
import { files } from "./files.ts";
import { jobs } from "./jobs.ts";
import { keptCompletions } from "./kept-completions.ts";
import { keys } from "./keys.ts";
import { labeling } from "./labeling.ts";
import { leases } from "./leases.ts";
import { models } from "./models.ts";
import { permissions } from "./permissions.ts";
import { pipelines } from "./pipelines/pipelines.ts";
import { presets } from "./presets.ts";
import { removal } from "./removal.ts";
import { results } from "./results.ts";
import { scorers } from "./scorers.ts";
import { sweeps } from "./sweeps/sweeps.ts";

/**
 * The resources of a tenant. A row gives a module its tables in every tenant, including existing ones, its calls as
 * `tenant.<name>.<call>`, and its turn on the alarm, which runs the duties in this order.
 */
export const TENANT_MODULES = {
  account,
  keys,
  idempotency,
  jobs,
  pipelines,
  sweeps,
  blobs,
  files,
  events,
  checkpoints,
  permissions,
  leases,
  results,
  artefacts,
  models,
  deltas,
  edits,
  aliases,
  presets,
  constitutions,
  scorers,
  kept: keptCompletions,
  feedback,
  labeling,
  evals,
  removal,
} as const;
