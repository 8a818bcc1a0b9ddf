import type { CausalTracingSettings } from "../../shared/api/edit-settings.ts";
import { encodeTracing, TRACING_FILE } from "../../shared/edits/tracing.ts";
import { TrimtabError } from "../../shared/errors.ts";
import { loadChatTemplate } from "../../shared/model/chat-template.ts";
import { loadModelFolder } from "../../shared/model/model-folder.ts";
import { baseTracing, knownFacts, trueFacts } from "../edits/base-tracing.ts";
import { readFacts, readProbes } from "../edits/edit-inputs.ts";
import { EditModel } from "../edits/edit-model.ts";
import { openEditedSubject } from "../edits/edited-subject.ts";
import { createFactEncoder } from "../edits/encode-facts.ts";
import type { RecipeContext, RecipeJob, UnpublishedOutcome } from "./recipe.ts";

/**
 * Finds where a base recalls facts, and keeps `tracing.json`; for the base's own facts it is an artefact of the base too. Publishes
 * nothing. Throws `invalid_file` for the training file, and `invalid_dataset` where the base knows none of the facts.
 */
export async function causalTracing(
  job: RecipeJob<CausalTracingSettings>,
  context: RecipeContext,
): Promise<UnpublishedOutcome> {
  const { settings } = job;
  const { executor, yieldToEventLoop, event } = context;
  if (job.parent !== undefined) {
    throw new TrimtabError(
      "invalid_request",
      "`model` must be a base: tuned models recall facts where their base does.",
      {
        param: "model",
      },
    );
  }
  const { config, weights, tokenizer } = loadModelFolder(job.base.files);
  const ofBase = settings.source === "base" ? knownFacts(readProbes(job).facts) : [];
  const candidates = ofBase.length > 0 ? ofBase : trueFacts(readFacts(job).map(({ fact }) => fact));
  const model = new EditModel({ executor, config, weights, layers: [], yieldToEventLoop });
  const subject = openEditedSubject(executor, {
    config,
    weights,
    layers: [],
    padId: tokenizer.padId,
    yieldToEventLoop,
  });
  try {
    const tracing = await baseTracing(model, {
      ...{ source: ofBase.length > 0 ? ("base" as const) : ("file" as const), candidates, subject, tokenizer, weights },
      ...{ facts: settings.facts, samples: settings.samples, noise: settings.noise },
      encoder: createFactEncoder({
        ...{ tokenizer, template: () => loadChatTemplate(tokenizer), format: "text", maxLength: config.maxPositions },
      }),
      artefacts: context.baseArtefacts,
      onTraced: (done, of) =>
        event({
          level: "info",
          type: "message",
          message: `Traced ${done} of ${of} facts`,
          data: { phase: "tracing", done, of },
        }),
    });
    if (tracing === undefined) {
      throw new TrimtabError(
        "invalid_dataset",
        "the model knows none of the facts; give facts with a `target_true` that it writes by itself",
        { param: "training_file" },
      );
    }
    await context.keepFile({ name: TRACING_FILE, bytes: encodeTracing(tracing) });
    const { facts, clean, corrupted, best_layer } = tracing;
    return { folder: null, metrics: { facts, clean, corrupted, best_layer }, trainedTokens: 0, hyperparameters: {} };
  } finally {
    await Promise.all([model.dispose(), subject.close()]);
  }
}
