/** Source files without a twin test, each with the reason. Files with logic do not belong here. */
export const TWIN_EXEMPTIONS: Readonly<Record<string, string>> = {
  "edge/blobs/broken-body.ts":
    "one error: tests/edge/blobs/multipart.test.ts and tests/edge/routes/json-body.test.ts break bodies off",
  "shared/security-headers.ts": "names and values: tests/edge/routes/safe-headers.test.ts reads them on replies",
  "infra/start/front/": "one server in parts: tests/infra/start/front/front.test.ts drives all of it over sockets",
  "shared/api/admin.ts": "schemas: tests/edge/routes/admin-*.test.ts send valid and invalid requests",
  "shared/api/aliases.ts": "schemas: tests/edge/routes/aliases.test.ts sends valid and invalid requests",
  "shared/api/checkpoint-permissions.ts":
    "schemas: tests/edge/routes/checkpoint-permissions.test.ts sends valid and invalid requests",
  "shared/data/line-formats/alternating.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/conversation.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/dolly.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/gemini.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/glaive.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/instructed.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/lmsys.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/natural-instructions.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/open-assistant.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/openorca.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/p3.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/rounds.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/self-instruct.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/sharegpt.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/texts.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/xlam.ts":
    "tests/shared/data/line-formats/collections.test.ts reads its collections' own shapes, and refuses bad ones",
  "shared/data/line-formats/text.ts":
    "tests/shared/data/line-formats/prompt-completion.test.ts reads it and refuses it",
  "shared/api/tokens.ts": "schemas: tests/edge/routes/tokens.test.ts sends valid and invalid requests",
  "edge/routes/base-tokenizer.ts":
    "tests/edge/routes/tokens.test.ts and tests/edge/routes/validate-job.test.ts read with the tokenizer of a base",
  "trainer/recipes/mixture-result.ts": "tests/trainer/recipes/mixed-files.test.ts runs mixtures to their end",
  "shared/api/measured-lines.ts": "a list of names",
  "edge/routes/label-agreement.ts":
    "tests/edge/routes/labeling.test.ts measures agreement, of few labels and of too many",
  "edge/objects/tenant/job-notices.ts":
    "tests/simulation/simulate.test.ts runs it under lost calls and crashes, and shows what breaks without each part",
  "edge/objects/tenant/label-judge-rows.ts": "tests/edge/routes/labeling.test.ts has a model judge, and one that fails",
  "shared/api/datasets.ts": "schemas: tests/edge/routes/datasets.test.ts sends valid and invalid requests",
  "edge/routes/dataset-sources.ts":
    "tests/edge/routes/datasets.test.ts names files, held-out ones and models, by field",
  "edge/routes/inspect-dataset.ts": "tests/edge/routes/datasets.test.ts inspects over the whole Worker",
  "edge/routes/preview-dataset.ts": "tests/edge/routes/datasets.test.ts previews over the whole Worker",
  "edge/routes/fix-dataset.ts": "tests/edge/routes/datasets.test.ts fixes over the whole Worker",
  "shared/data/fix/": "one rule a file: tests/shared/data/fix/fix.test.ts has each find a line, and pass over others",
  "shared/data/inspect/pii/":
    "one kind a file: registry.test.ts has each find its values, and pass over what looks like them",
  "shared/data/inspect/diversity/english-tagger.ts":
    "tests/shared/data/inspect/diversity/verb-noun.test.ts, against spaCy",
  "shared/data/augment/":
    "one rule a file: tests/shared/data/augment/augment.test.ts has each make lines that datasets may have",
  "infra/cli/data/":
    "one group of commands: tests/infra/cli/data/data.test.ts runs each, on files and against a server",
  "shared/api/job-status.ts": "a list of names",
  "shared/api/edits.ts": "schemas: tests/edge/routes/edits.test.ts sends valid and invalid requests",
  "shared/api/tracing.ts": "schemas: tests/edge/routes/tracing.test.ts sends valid and invalid requests",
  "shared/edits/fact.ts": "a schema: tests/edge/routes/edits.test.ts and tests/shared/data/dataset-kinds/facts.test.ts",
  "shared/edits/report.ts": "schemas: tests/edge/routes/edits.test.ts reads reports through them",
  "edge/objects/tenant/edits/":
    "one resource: edits.test.ts and edits-undo.test.ts in tests/edge/routes make every call, in every state of an edit, and of a removal",
  "edge/asking/generation.ts":
    "tests/edge/routes/generation.test.ts begins generations through it, and breaks them off",
  "edge/asking/grader-question.ts": "tests/edge/routes/graders.test.ts asks models, and has each fail",
  "edge/objects/tenant/evals/":
    "one resource: tests/edge/routes/evals.test.ts makes every call by the official SDK, and kills the object in the middle of a run",
  "edge/routes/job-evals.ts":
    "tests/edge/routes/eval-suites.test.ts measures jobs by evals and suites, and has both refused",
  "shared/api/job-evals.ts": "schemas: tests/edge/routes/eval-suites.test.ts reads jobs that were measured",
  "infra/cli/eval/": "tests/infra/cli/eval/run.test.ts runs, lists and shows evals by the program",
  "edge/routes/eval-runs.ts": "tests/edge/routes/evals.test.ts makes, lists, cancels and deletes runs",
  "edge/routes/eval-run-plan.ts": "tests/edge/routes/evals.test.ts plans every kind of run, and has plans refused",
  "edge/routes/eval-run-items.ts": "tests/edge/routes/evals.test.ts brings items in every way, and bad ones",
  "edge/routes/eval-suite.ts": "tests/edge/routes/eval-suites.test.ts runs suites of both modes",
  "shared/api/evals.ts": "schemas: tests/edge/routes/evals.test.ts sends valid and invalid requests",
  "shared/api/eval-runs.ts": "schemas: tests/edge/routes/evals.test.ts sends valid and invalid requests",
  "shared/evals/schema-keywords.ts": "tests/shared/evals/item-schema.test.ts reads schemas through it, good and bad",
  "shared/evals/criteria.ts": "tests/edge/routes/evals.test.ts has criteria of every kind pass, fail and be refused",
  "shared/evals/samples.ts": "tests/edge/routes/evals.test.ts grades samples that are written, brought and kept",
  "edge/routes/await-job.ts": "tests/edge/routes/edits.test.ts waits to the end, and not so long",
  "edge/routes/edit-answer.ts":
    "edits.test.ts and edit-merge.test.ts beside its routes show edits before, with and without a report, and merged",
  "edge/routes/edit-check.ts": "tests/edge/routes/edit-merge.test.ts checks texts and keys",
  "edge/routes/edit-facts.ts": "tests/edge/routes/edits.test.ts stores, refuses and reads facts",
  "shared/evaluation/suites/choices.ts":
    "tests/shared/evaluation/suites/choose.test.ts sums up choices with it, by hand",
  "shared/evaluation/suites/grades.ts":
    "tests/shared/evaluation/suites/generate.test.ts sums up grades with it, by hand",
  "shared/evaluation/suites/instruction-following.ts": "tests/shared/evaluation/suites/generate.test.ts",
  "shared/evaluation/suites/safety.ts": "tests/shared/evaluation/suites/generate.test.ts",
  "shared/evaluation/suites/zero-shot.ts": "tests/shared/evaluation/suites/choose.test.ts and generate.test.ts",
  "shared/evaluation/suites/pairs.ts": "tests/shared/evaluation/suites/choose.test.ts",
  "shared/evaluation/suites/facts.ts": "tests/shared/evaluation/suites/choose.test.ts",
  "shared/evaluation/suites/calibration.ts": "tests/shared/evaluation/suites/choose.test.ts",
  "shared/evaluation/text/first-verbs.ts": "a table: first-verb.test.ts and published.test.ts read it",
  "shared/evaluation/text/punkt-english.ts": "a table: sentences.test.ts reads it",
  "shared/evaluation/text/syllable-exceptions.ts": "a table: syllables.test.ts reads it",
  "shared/evaluation/text/stop-words.ts": "a list: tests/shared/evaluation/instructions/published.test.ts counts by it",
  "shared/evaluation/text/word-tokens.ts": "tests/shared/evaluation/text/sentences.test.ts holds it to nltk",
  "shared/evaluation/text/python-text.ts":
    "tests/shared/evaluation/instructions/published.test.ts holds all that use it to Python",
  "shared/evaluation/suites/suite.ts":
    "types, and limits that tests/shared/evaluation/suites/registry.test.ts holds every suite to",
  "shared/api/lanes.ts": "a list of names: tests/edge/objects/dispatcher/queue-rows.test.ts takes jobs by it",
  "edge/objects/tenant/permissions.ts":
    "tests/edge/routes/checkpoint-permissions.test.ts makes, lists and deletes them by the official SDK",
  "edge/objects/tenant/pipelines/":
    "one machine: course.test.ts tries every transition, advance.test.ts kills it at every write, and tests/edge/routes/pipeline-jobs.test.ts runs it whole",
  "edge/objects/tenant/sweeps/":
    "one machine: course.test.ts tries what is due, advance.test.ts kills it at every write, and tests/edge/routes/sweep-jobs.test.ts runs it whole",
  "edge/routes/check-start.ts": "tests/edge/routes/jobs.test.ts sends jobs that it refuses, sweep-jobs.test.ts trials",
  "shared/api/sweeps.ts": "schemas: tests/edge/routes/sweep-jobs.test.ts sends valid and invalid sweeps",
  "shared/api/synthesize.ts": "schemas: tests/edge/routes/synthesize-jobs.test.ts sends valid and invalid settings",
  "shared/api/synthesis-report.ts": "a schema: tests/trainer/recipes/synthesize.test.ts reads reports through it",
  "shared/synthesis/words.ts": "tests/shared/synthesis/measures.test.ts counts words and n-grams by it",
  "shared/synthesis/filters/": "one registry: its test holds every filter to what it keeps and rejects",
  "trainer/recipes/synthesize/":
    "one machine: tests/trainer/recipes/synthesize.test.ts runs every part of it, and resumes it from every chunk",
  "edge/blobs/kept-dataset.ts": "tests/edge/routes/synthesize-jobs.test.ts trains on a file that a job kept",
  "shared/api/sweep-report.ts": "a schema: tests/shared/trials/report.test.ts makes reports of it",
  "edge/routes/check-continuation.ts":
    "tests/edge/routes/check-parent.test.ts checks jobs with it, pipeline-jobs.test.ts stages",
  "edge/routes/check-pipeline.ts": "tests/edge/routes/pipeline-jobs.test.ts sends pipelines that it refuses, by field",
  "shared/api/training-settings.ts": "schemas: tests/shared/api/methods.test.ts fills them in and refuses bad ones",
  "trainer/recipes/keeping/companion.ts": "types alone",
  "trainer/recipes/keeping/gauge.ts": "types alone",
  "trainer/recipes/keeping/weight-change.ts":
    "tests/trainer/recipes/keeping/ewc.test.ts holds what each method adds to weights, against PyTorch",
  "trainer/recipes/run-validation.ts": "tests/trainer/recipes/run-job.test.ts measures bases and states, of phases too",
  "trainer/recipes/training-plan.ts": "tests/trainer/recipes/run-job.test.ts takes every step by it",
  "trainer/recipes/ipo.ts": "tests/contract/preferences.test.ts holds every loss on preferences to its reference",
  "trainer/recipes/orpo.ts": "tests/contract/preferences.test.ts holds every loss on preferences to its reference",
  "trainer/recipes/simpo.ts": "tests/contract/preferences.test.ts holds every loss on preferences to its reference",
  "trainer/recipes/kto.ts": "tests/contract/preferences.test.ts holds every loss on preferences to its reference",
  "trainer/recipes/ppo.ts":
    "tests/contract/reinforcement.test.ts holds every algorithm of reinforcement to its reference",
  "trainer/recipes/rloo.ts":
    "tests/contract/reinforcement.test.ts holds every algorithm of reinforcement to its reference",
  "trainer/recipes/grpo.ts":
    "tests/contract/reinforcement.test.ts holds every algorithm of reinforcement to its reference",
  "trainer/recipes/reinforce-pp.ts":
    "tests/contract/reinforcement.test.ts holds every algorithm of reinforcement to its reference",
  "trainer/recipes/reinforcement/algorithm.ts":
    "tests/contract/reinforcement.test.ts: values, gradients and metrics on packed replies",
  "trainer/recipes/reinforcement/loss.ts":
    "tests/contract/reinforcement.test.ts: values, gradients and metrics on packed replies",
  "trainer/recipes/reinforcement/value-head.ts":
    "tests/contract/reinforcement.test.ts: values, gradients and metrics on packed replies",
  "trainer/recipes/reinforcement/phase-run.ts":
    "tests/trainer/recipes/reinforcement/recipe.test.ts runs every part of it on a tiny model",
  "trainer/recipes/reinforcement/replies.ts":
    "tests/trainer/recipes/reinforcement/recipe.test.ts runs every part of it on a tiny model",
  "trainer/recipes/reinforcement/reply-metrics.ts":
    "tests/trainer/recipes/reinforcement/recipe.test.ts runs every part of it on a tiny model",
  "trainer/recipes/reinforcement/sampler.ts":
    "tests/trainer/recipes/reinforcement/recipe.test.ts runs every part of it on a tiny model",
  "trainer/recipes/reinforcement/phase-section.ts":
    "tests/contract/reinforcement.test.ts: runs that are killed at every step of a phase go on from it",
  "trainer/rewards/reward-source.ts": "types only",
  "trainer/recipes/preferences/pair-unit.ts":
    "tests/contract/preferences.test.ts: values, gradients and metrics on packed pairs",
  "trainer/recipes/preferences/beta.ts":
    "tests/trainer/recipes/preferences/pair-objective.test.ts reports every kind of beta",
  "trainer/recipes/reward-model/loss.ts":
    "tests/contract/reward-model.test.ts: values, gradients and metrics of every loss on packed completions",
  "shared/api/reward-aggregate.ts": "bounds of a schema: tests/edge/routes/rewards.test.ts sends them",
  "shared/api/rewards.ts": "schemas: tests/edge/routes/rewards.test.ts sends valid and invalid requests",
  "shared/data/completion.ts": "ranking.test.ts, rating.test.ts and unpaired-preference.test.ts read every form of it",
  "shared/data/dataset-kinds/kind.ts": "types only",
  "shared/api/generate.ts": "schemas: tests/shared/api/chat.test.ts and completions.test.ts",
  "shared/limits.ts": "constants",
  "shared/api/peft.ts": "schemas: tests/edge/routes/peft.test.ts sends valid and invalid requests",
  "shared/api/response-tools.ts": "schemas: tests/shared/api/responses.test.ts",
  "shared/api/models.ts": "schemas: tests/edge/routes/app.test.ts",
  "shared/api/steering-scorers.ts":
    "schemas: tests/edge/routes/steering-scorers.test.ts sends valid and invalid requests",
  "shared/peft/stated.ts": "one parse: tests/contract/peft-resume.test.ts reads every method's settings through it",
  "shared/package/continued-adapters.ts":
    "tests/contract/peft-resume.test.ts reads, compares and refuses the adapters of every method through it",
  "shared/graph/graph.ts": "types alone",
  "shared/model/chat-message.ts": "types alone",
  "shared/model/calls/syntax.ts": "types alone",
  "shared/model/calls/probes.ts":
    "what derive.ts renders: tests/shared/model/calls/derive.test.ts reads it off templates",
  "shared/model/template/":
    "one engine: constructs.test.ts and renders.test.ts beside compile.test.ts hold every part of it to Jinja2's results",
  "shared/api/job-report.ts": "schemas: tests/trainer/report/measure-report.test.ts reads reports through them",
  "shared/evaluation/instructions/":
    "one row for each kind: registry.test.ts has texts that follow each and texts that do not",
  "shared/evaluation/instruction-prompts.ts":
    "a table: tests/shared/evaluation/instructions/registry.test.ts reads every one",
  "shared/report/": "one page: tests/shared/report/html.test.ts has every section and figure of it",
  "trainer/recipes/trained-run.ts": "types only",
  "trainer/report/answers.ts": "tests/trainer/report/measure-report.test.ts asks every part, and lets parts fail",
  "trainer/report/build-report.ts": "tests/trainer/report/measure-report.test.ts builds reports of known answers",
  "trainer/report/subject.ts": "types only",
  "trainer/report/judge.ts": "types only",
  "trainer/recipes/report/run-judge.ts":
    "tests/trainer/recipes/report/alignment-report.test.ts judges with a grader, and with a job's own reward and its gold one",
  "trainer/report/win-rate.ts":
    "tests/trainer/report/measure-report.test.ts: wins, ties, flaws and samples of a prompt",
  "trainer/recipes/report/run-subject.ts":
    "tests/trainer/recipes/report/alignment-report.test.ts asks models with every kind of delta",
  "infra/base/evaluation/make-corpus.ts": "writes what tests/infra/base/evaluation/corpus.test.ts compares",
  "shared/api/edit-settings.ts":
    "schemas: tests/trainer/edits/edit-plan.test.ts and tests/trainer/recipes/edit.test.ts fill them in",
  "trainer/edits/base-tracing.ts":
    "tests/trainer/recipes/causal-tracing.test.ts traces facts, keeps and reads the result",
  "trainer/edits/trace-facts.ts": "tests/trainer/recipes/causal-tracing.test.ts traces facts of a tiny model",
  "trainer/edits/edit-inputs.ts": "tests/trainer/recipes/edit.test.ts reads facts and texts with it",
  "trainer/edits/edit-model.ts":
    "tests/trainer/edits/solve-batch.test.ts changes models layer by layer and takes changes back",
  "trainer/edits/edited-subject.ts": "tests/trainer/recipes/edit.test.ts asks a model before and after an edit with it",
  "trainer/edits/encoded-fact.ts": "a type",
  "trainer/edits/measure-edit.ts":
    "tests/trainer/recipes/edit.test.ts measures edits with it, fluency.test.ts the entropies",
  "trainer/edits/publish-edit.ts": "tests/trainer/recipes/edit.test.ts reads what it publishes",
  "trainer/edits/refine/refine-graph.ts": "tests/trainer/edits/refine/refine.test.ts holds it to finite differences",
  "trainer/edits/row-graph.ts": "tests/trainer/edits/solve-batch.test.ts holds what it computes to PyTorch's",
  "trainer/edits/rows.ts": "tests/trainer/edits/solve-batch.test.ts reads states of rows that it lays out",
  "trainer/edits/subject-states.ts": "tests/trainer/edits/solve-batch.test.ts holds its keys and states to PyTorch's",
  "trainer/edits/value-batch.ts": "tests/trainer/edits/find-values.test.ts holds every step to PyTorch's",
  "trainer/edits/value-graph.ts": "tests/trainer/edits/find-values.test.ts holds every step to PyTorch's",
  "trainer/edits/value-start.ts": "tests/trainer/edits/find-values.test.ts holds every step to PyTorch's",
  "infra/base/evaluation/make-probes.ts":
    "a program: writes what probes.ts makes, and a test compares the file with it",
  "shared/graders/text/":
    "one row for each reference: metrics.test.ts holds every metric to it, porter-stemmer.test.ts and common-subsequence.test.ts what they share",
  "shared/graders/formula/": "one calculator: formula.test.ts reads, computes and refuses with every part of it",
  "shared/graders/kinds/": "one row for each kind: tests/shared/graders/registry.test.ts grades with and refuses each",
  "shared/graders/kind.ts": "types, and a function that gives a kind its types",
  "shared/graders/errors.ts": "a table: tests/shared/graders/registry.test.ts joins flaws",
  "shared/graders/parts.ts": "a table: tests/shared/graders/registry.test.ts runs on it",
  "shared/graders/template.ts": "tests/shared/graders/render.test.ts reads and refuses every kind of path",
  "shared/api/feedback.ts": "schemas: tests/edge/routes/feedback.test.ts sends valid and invalid requests",
  "shared/api/kept-completions.ts": "schemas: tests/edge/routes/stored-chats.test.ts sends valid and invalid requests",
  "edge/objects/tenant/kept-completions.ts":
    "tests/edge/routes/stored-chats.test.ts makes every call, kept-completion-rows.test.ts fills and empties its table",
  "edge/objects/tenant/feedback.ts": "tests/edge/routes/feedback.test.ts makes every call",
  "edge/objects/tenant/feedback-rows.ts":
    "tests/edge/routes/feedback.test.ts adds, refuses, supersedes, filters and drops every kind of verdict",
  "edge/routes/keep-completion.ts":
    "tests/edge/routes/{feedback,stored-chats}.test.ts keep what every API answers, whole and as streams",
  "edge/routes/export-preferences.ts": "tests/edge/routes/feedback.test.ts makes files of every format and of nothing",
  "shared/api/label-work.ts": "schemas: tests/edge/routes/labeling.test.ts sends valid and invalid requests",
  "edge/routes/label-project.ts": "tests/edge/routes/labeling.test.ts refuses every kind of bad project",
  "shared/api/labeling.ts": "schemas: tests/edge/routes/labeling.test.ts sends valid and invalid requests",
  "edge/objects/tenant/labeling.ts": "tests/edge/routes/labeling.test.ts makes every call",
  "edge/objects/tenant/label-project-rows.ts":
    "tests/edge/routes/labeling.test.ts creates, samples in steps that fail, and deletes projects",
  "edge/objects/tenant/label-task-rows.ts":
    "tests/edge/routes/labeling.test.ts hands out, leases and chooses tasks in every way",
  "edge/objects/tenant/label-rows.ts": "tests/edge/routes/labeling.test.ts labels, relabels, skips, judges and exports",
  "edge/routes/labeling-prompts.ts": "tests/edge/routes/labeling.test.ts reads prompts of requests and of files",
  "edge/routes/labeling-samples.ts": "tests/edge/routes/labeling.test.ts samples in steps, skips and fails",
  "edge/routes/labeling-judge.ts": "tests/edge/routes/labeling.test.ts has a model judge, and one that fails",
  "edge/routes/reward-scores.ts": "tests/edge/routes/labeling.test.ts orders tasks by rewards, and refuses classifiers",
  "edge/pages/":
    "one page: tests/edge/routes/labeling-page.test.ts asks for it, tests/e2e/labeling-page.test.ts labels with it",
  "shared/api/agreement.ts": "schemas: tests/shared/labeling/summary.test.ts parses what statistics come to",
  "shared/api/preferences.ts": "schemas: tests/edge/routes/preferences.test.ts sends valid and invalid requests",
  "shared/preferences/record.ts":
    "tests/shared/preferences/inspection.test.ts reads every kind, tests/shared/data the records themselves",
  "shared/agreement/":
    "one set of statistics: agreement.test.ts holds each to scikit-learn, statsmodels and krippendorff, and to its edges",
  "shared/api/graders.ts": "schemas: tests/edge/routes/graders.test.ts sends valid and invalid requests",
  "edge/routes/job-constitution.ts":
    "tests/edge/routes/constitutions.test.ts creates jobs by every kind of reference, and by names that there are not",
  "edge/objects/tenant/constitution-rows.ts":
    "rows: tests/edge/routes/constitutions.test.ts makes, lists and deletes versions",
  "edge/routes/grader-models.ts": "tests/edge/routes/graders.test.ts asks real models, and names that there are none",
  "shared/rules/regex/": "one engine: pattern.test.ts holds random expressions to JavaScript's results",
  "shared/rules/schema/":
    "one compiler: compile-schema.test.ts holds it to jsonschema's and ajv's verdicts, refusals.test.ts to its messages",
  "shared/rules/phrases/": "one guard: phrases.test.ts holds it to a plain search for the phrases",
  "shared/rules/machine/": "one machine: tests/shared/rules/compile.test.ts runs every kind of rule on it",
  "shared/rules/grammar/tokens.ts":
    "tests/shared/rules/grammar/grammar.test.ts reads grammars with every kind of token",
  "shared/rules/lexeme/lexeme.ts": "an interface and its two smallest cases: tests/shared/rules/compile.test.ts",
  "shared/rules/builder.ts": "what the compilers share: tests/shared/rules/compile.test.ts",
  "shared/rules/rule.ts": "what compileRule returns: tests/shared/rules/compile.test.ts walks through it",
  "shared/rules/spec.ts": "types only",
  "shared/rules/limits.ts": "constants and a counter: tests/shared/rules/compile.test.ts exceeds them",
  "shared/model/family-names.ts": "a table: tests/shared/model/family.test.ts reads rows of it",
  "shared/delta/merge/method.ts": "types and a list of names",
  "shared/decode/events.ts": "types only",
  "edge/serving/judge-protocol.ts": "types only",
  "edge/routes/judging.ts":
    "posts and collects: tests/edge/routes/steering-sweep.test.ts holds what comes back to the public API",
  "edge/routes/sweep-sources.ts": "tests/edge/routes/steering-sweep.test.ts refuses every name that it looks up",
  "edge/routes/sweep-texts.ts": "tests/edge/routes/steering-sweep.test.ts makes every kind of run and of effect",
  "edge/blobs/file-contents.ts": "types only",
  "shared/decode/steering/part.ts": "types, and a function that gives a part its type",
  "shared/decode/steering/classifier-request.ts": "a schema: tests/contract/steering.test.ts tries every bound",
  "shared/decode/processor.ts": "types only; tests/contract/processors.test.ts holds every processor to them",
  "edge/blobs/stored-folder.ts": "types only",
  "edge/objects/hold.ts": "types only",
  "edge/objects/module.ts": "types, and a function that gives a module its type",
  "edge/objects/dispatcher/for-tenants.ts": "a table: tests/edge/objects/tenant/*.test.ts call through it",
  "edge/objects/dispatcher/modules.ts": "a table: tests/edge/objects/dispatcher/*.test.ts run on it",
  "edge/blobs/blob-source.ts": "types only",
  "edge/objects/tenant/job-base.ts": "types only",
  "edge/objects/tenant/removal.ts": "tests/edge/routes/admin-tenants.test.ts deletes tenants and sweeps them",
  "edge/objects/tenant/modules.ts": "a table: tests/edge/objects/tenant/*.test.ts run on it",
  "shared/api/artefact-kinds/kind.ts": "types only",
  "shared/api/base-artefacts/kind.ts": "types only",
  "edge/objects/dispatcher/base-artefacts.ts":
    "tests/edge/routes/trainer-blobs.test.ts makes every call, base-artefact-rows.test.ts fills and empties its table",
  "shared/api/artefact-kinds/registry.ts": "a table: tests/shared/api/artefacts.test.ts runs on it",
  "edge/routes/app-env.ts": "types only",
  "edge/routes/docs.ts": "one page of Scalar's: tests/edge/routes/app.test.ts asks for it",
  "edge/serving/generation.ts": "types only",
  "edge/serving/step-states.ts": "types only",
  "edge/scoring/target.ts": "types only",
  "edge/runtime/slot-sizes.ts":
    "sizes: tests/edge/runtime/{kv-slab,row-vectors}.test.ts compare them with what is allocated",
  "edge/serving/generate.ts": "what the Engine runs: tests/edge/objects/engine.test.ts runs it on a model",
  "edge/serving/search/": "one search: run-search.test.ts and search-beams.test.ts run all of it on a model",
  "shared/search/best-of.ts": "a schema and one line: tests/shared/search/registry.test.ts",
  "shared/search/rejection.ts": "a schema and two lines: tests/shared/search/registry.test.ts",
  "shared/search/beam.ts": "a schema: tests/shared/search/registry.test.ts",
  "shared/search/by.ts": "a schema: tests/shared/search/registry.test.ts",
  "shared/search/method.ts": "types and common fields: tests/shared/search/registry.test.ts",
  "edge/serving/yield-to-event-loop.ts": "one timer: tests/edge/serving/batch-loop.test.ts runs on it",
  "infra/checks/twin-exemptions.ts": "this table",
  "infra/base/corpus/facts/": "tables of facts: tests/infra/base/corpus/facts/all.test.ts checks every one",
  "infra/base/corpus/words.ts": "word lists",
  "infra/base/demo/make.ts": "a program: writes what sailor.ts generates, and a test compares the files with it",
  "infra/base/evaluation/run.ts": "a program: prints the report of evaluate-folder.ts",
  "infra/base/make.ts": "a program: runs three others",
  "infra/base/pretraining/pretrain.ts": "a program that runs for an hour: its parts are tested separately",
  "infra/base/pretraining/recipe.ts": "settings",
  "infra/base/tokenizer/make.ts": "a program: writes what train-bpe.ts produces",
  "infra/cli/commands/": "descriptions of commands: tests/infra/cli/program.test.ts runs every one",
  "infra/cli/effects.ts": "types",
  "infra/cli/json-text.ts": "one line: tests/infra/cli/program.test.ts reads what it prints",
  "infra/cli/edit/": "one command: tests/infra/cli/edit/edit.test.ts runs every action of it",
  "infra/cli/tenant-access.ts": "tests/infra/cli/edit/edit.test.ts reaches a server, and lacks one",
  "infra/cli/main.mjs": "a program: tests/infra/cli/program.test.ts runs it",
  "infra/start/edge-process.ts": "a program: tests/infra/start/stack.test.ts runs and kills it",
  "infra/start/serve.ts": "a program: tests/infra/start/stack.test.ts runs it",
  "infra/start/start.ts": "a program: tests/e2e/main-job.test.ts runs it",
  "infra/start/worker-options.ts": "a program: tests/infra/start/bundle-worker.test.ts runs it",
  "edge/worker.ts": "exports the classes and the app: every test of a route runs it",
  "trainer/main.ts": "a command; tests/trainer/service/start.test.ts starts, kills and stops it as a process",
  "trainer/engines/executor.ts": "types and a list of names",
  "shared/peft/method.ts": "types only",
  "shared/peft/{method}/{method}.ts": "a registry row: tests/contract/peft.test.ts runs every one",
  "shared/peft/{method}/resume.ts":
    "tests/contract/peft-resume.test.ts publishes what it reads, for every method of the registry",
  "shared/peft/{method}/settings.ts": "a schema: the test of the method's attach.ts sends valid and invalid settings",
  "trainer/loop/update.ts": "types only",
  "trainer/recipes/objective.ts": "types and the name of a column",
  "trainer/recipes/recipe.ts": "types only",
  "trainer/recipes/steering-vector/find-condition.ts":
    "a step of the recipe: tests/trainer/recipes/steering-vector.test.ts",
  "trainer/recipes/steering-vector/read-texts.ts":
    "a step of the recipe: tests/trainer/recipes/steering-vector.test.ts refuses every kind of bad file",
  "trainer/recipes/steering-vector/report.ts": "events: tests/trainer/recipes/steering-vector.test.ts reads them",
  "trainer/recipes/edit/edited-weights.ts": "a step of the recipe: tests/trainer/recipes/edit.test.ts",
  "trainer/recipes/edit/find-conflicts.ts": "a step of the recipe: tests/trainer/recipes/edit.test.ts finds conflicts",
  "trainer/recipes/edit/keep-report.ts": "a step of the recipe: tests/trainer/recipes/edit.test.ts reads its reports",
  "trainer/recipes/edit/refine-facts.ts":
    "a step of the recipe: tests/trainer/recipes/edit.test.ts improves changes, and leaves them as they are",
  "trainer/recipes/edit/solve-facts.ts":
    "a step of the recipe: tests/trainer/recipes/edit.test.ts solves by each method",
  "trainer/recipes/constitutional/label.ts": "a step of the recipe: tests/trainer/recipes/constitutional.test.ts",
  "trainer/recipes/constitutional/write-texts.ts":
    "a step of the recipe: tests/trainer/recipes/constitutional.test.ts kills and resumes it",
  "trainer/recipes/constitutional/prompt-encoder.ts":
    "tests/trainer/recipes/constitutional/starting-model.test.ts writes, scores and refuses through it",
  "trainer/recipes/constitutional/records.ts": "types and sums: tests/trainer/recipes/constitutional.test.ts",
  "trainer/recipes/constitutional/summary.ts":
    "counts: tests/trainer/recipes/constitutional.test.ts adds up what was kept and left out",
  "trainer/recipes/registry.ts": "a table whose type makes it complete",
};
