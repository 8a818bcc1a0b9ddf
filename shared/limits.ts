/** Everything that a request can make large has its cap here, so that nothing is allocated before it was checked. */
export const LIMITS = {
  /** The classes of a classifier, and the characters of a class's name. */
  labels: 32,
  labelName: 64,
  /** Completions of one ranking: they are in one micro-batch. */
  rankedCompletions: 16,
  /** The largest rating of a completion, and margin between two. */
  rating: 1_000_000,
  /** Texts of one request for rewards, and characters of one. */
  rewardTexts: 256,
  rewardText: 1 << 19,
  /** Reward models of one ensemble: each reads every text. */
  rewardModels: 8,
  /** λ of an ensemble's mean − λ · variance. */
  varianceWeight: 1000,
  /** Bytes of a JSON request body. */
  jsonBody: 1 << 20,
  /** Objects and lists inside each other in a JSON request body: what goes through it by recursion must not run out of stack. */
  jsonNesting: 256,
  /**
   * Values of one JSON text that is parsed at once (a request's body, a record of a dataset), and names of members in it: each takes
   * some of a time in which everybody waits.
   */
  jsonValues: 250_000,
  /** As many as fit into a body of token ids. */
  bodyValues: 1 << 19,
  jsonKeys: 1 << 16,
  /** Characters of JSON in one page of a list; a page ends early where its items have more. */
  listBytes: 4 * (1 << 20),
  /** Metrics that one job, checkpoint or delta may have. */
  metrics: 1000,
  /** Bytes of one uploaded dataset. */
  file: 100 * (1 << 20),
  /** Bytes that a compressed dataset may unpack to. */
  unpackedFile: 400 * (1 << 20),
  /** Unpacked bytes of one row group of a Parquet dataset, which are in memory together. */
  parquetGroup: 48 * (1 << 20),
  /** Files of one mixture, the most that one may count, and examples that a file may be counted as. */
  mixedFiles: 32,
  mixtureWeight: 1_000_000,
  mixtureExamples: 10_000_000,
  /** Examples of one epoch of a mixture, whose order is in memory. */
  mixtureEpoch: 10_000_000,
  /** Bytes of the multipart framing around an uploaded dataset: headers, boundaries and the small fields. */
  multipartOverhead: 64 * 1024,
  fileName: 255,
  /** Bytes of one artefact or checkpoint that a trainer stores. */
  artefact: 4 * (1 << 30),
  artefactFiles: 64,
  /** Files that one job keeps for its owner beside its result, and bytes of one of them. */
  keptFiles: 32,
  keptFile: 64 * (1 << 20),
  /** Multiplications of one merge: about half a minute, which is as long as a Worker may compute for a request. */
  mergeWork: 3e10,
  /** Bytes of the deltas of one merge, which are in memory together. */
  mergedBytes: 48 * (1 << 20),
  /** Bytes of one uploaded delta, packed and unpacked: it is held in memory while it is read. */
  deltaUpload: 32 * (1 << 20),
  /** Bytes of one file of a base model. */
  modelFile: 16 * (1 << 30),
  modelFiles: 128,
  suffix: 64,
  metadataPairs: 16,
  metadataKey: 64,
  metadataValue: 512,
  idempotencyKey: 255,
  listPage: 100,
  keysPerTenant: 100,
  aliasesPerTenant: 1000,
  /** Moves of one alias that are kept. */
  aliasMoves: 1000,
  description: 512,
  presetName: 64,
  presetsPerTenant: 200,
  /** Versions of one steering preset that are kept. */
  presetVersions: 1000,
  /** Characters of one preset's steering object as JSON, and of all versions of all of a tenant's presets. */
  presetLength: 128 * 1024,
  presetsLength: 64 * (1 << 20),
  constitutionName: 64,
  constitutionsPerTenant: 200,
  /** Versions of one constitution that are kept. */
  constitutionVersions: 1000,
  /** Characters of one constitution as JSON, which every job that uses it keeps, and of all versions of all of a tenant's. */
  constitutionLength: 64 * 1024,
  constitutionsLength: 16 * (1 << 20),
  /** Principles and examples of one constitution, and characters of one of their texts. */
  principles: 100,
  critiqueExamples: 16,
  principleLength: 2000,
  critiqueLength: 8000,
  /** What a constitutional job writes of each prompt: replies, rounds of revision, candidates of one revision, and tokens of a text. */
  constitutionalSamples: 16,
  constitutionalRounds: 8,
  constitutionalCandidates: 32,
  constitutionalTokens: 4096,
  /** Texts that one job writes, all of which its checkpoints hold. */
  constitutionalTexts: 200_000,
  /** Facts of one edit, characters of one of a fact's texts, and prompts of one kind that score it. */
  editFacts: 2000,
  factText: 4000,
  factPrompts: 32,
  /** Edits of one tenant, and edits that are merged at a time. */
  edits: 10_000,
  mergedEdits: 64,
  /** Facts of one causal tracing. */
  tracedFacts: 200,
  /** Bytes of the JSON body with the facts of one edit. */
  editBody: 8 * (1 << 20),
  scorersPerTenant: 32,
  scorerUrl: 2048,
  /** Candidates of one call of a scorer, and bytes of its reply. */
  scorerTexts: 256,
  scorerReply: 64 * 1024,
  /** The largest score, and the smallest below zero: far from where sums of 32-bit floats lose their digits. */
  scorerScore: 1_000_000,
  sweepPaths: 4,
  /** Values at one path of a sweep's grid, and combinations of them. */
  sweepValues: 32,
  sweepCells: 64,
  sweepPrompts: 64,
  sweepPromptLength: 16_384,
  /** Tokens of one text of a sweep, and of all that it may generate. */
  sweepLength: 512,
  sweepTokens: 200_000,
  /** Texts that a sweep shows of each cell. */
  sweepExamples: 3,
  /** Completions that are kept for feedback: how long, how many, bytes of JSON of one, and of all of a tenant's. */
  keptCompletionDays: 30,
  keptCompletions: 10_000,
  keptCompletion: 1_800_000,
  keptCompletionsLength: 256 * (1 << 20),
  /** Verdicts of a tenant, bytes of JSON of one, and of all. */
  feedback: 100_000,
  feedbackLength: 1_800_000,
  feedbackTotalLength: 1 << 30,
  raterName: 64,
  comment: 4000,
  /** Texts that one verdict ranks. */
  rankedTexts: 16,
  labelProjects: 100,
  /** Lines of an upload whose preferences are looked at while it comes. */
  inspectedUpload: 20_000,
  /** Files of one inspection, findings of each kind that it names, and dropped lines that a fix lists. */
  inspectedFiles: 8,
  inspectedExamples: 1000,
  fixedLines: 10_000,
  /** Bytes of what an inspection remembers of lines to find copies, tokens that it encodes, and inspections that wait for their turn. */
  inspectedBytes: 48 * (1 << 20),
  inspectedTokens: 4_000_000,
  waitingInspections: 32,
  /** Of one labelling project. */
  labelPrompts: 1000,
  goldItems: 200,
  raters: 100,
  labelGuidelines: 20_000,
  labelSources: 8,
  /** Tasks and labels of one project, and bytes of JSON of all its tasks. */
  labelTasks: 20_000,
  labelsPerProject: 100_000,
  /** Units that one answer about agreement has labels of: a label of a ranking is one of each pair of its texts. */
  summedUnits: 100_000,
  labelTasksLength: 256 * (1 << 20),
  tasksPerPrompt: 16,
  /** Prompts of one step of sampling, texts of one prompt, and tokens of one text. */
  labelStepPrompts: 32,
  labelTexts: 32,
  labelTextTokens: 4096,
  /** Tasks of one step of a judge. */
  judgedTasks: 32,
  skipReason: 512,
  evals: 1000,
  evalName: 256,
  /** Testing criteria of one eval. */
  evalCriteria: 16,
  /** Items of one run, bytes of JSON of one, of all items of a run, and of all runs of a tenant with their results. */
  evalItems: 20_000,
  evalItem: 256 * 1024,
  evalRunLength: 64 * (1 << 20),
  evalsLength: 1 << 30,
  /** Runs of one tenant that have not ended. */
  evalRunsAtOnce: 100,
  /** Evals that one job is measured by. */
  jobEvals: 8,
  messages: 1000,
  messageName: 64,
  tools: 128,
  toolDescription: 1024,
  /** Levels of objects and lists in a tool's schema; templates are given few more. */
  toolNesting: 28,
  toolCallId: 128,
  /** Calls in one turn of a conversation. */
  toolCalls: 128,
  choices: 16,
  prompts: 128,
  stopSequences: 16,
  stopLength: 256,
  logitBias: 300,
  repetitionPenalty: 10,
  topLogprobs: 20,
  completionLogprobs: 20,
  /** Characters of a text whose tokens are asked for, and tokens whose text is: a tenth of a second's work. */
  tokenizedText: 1 << 17,
  /** Log-probabilities of prompts in one answer, alternatives included: some 30 MB while it is put together. */
  promptScores: 1 << 17,
  deltasPerRequest: 8,
  /** Characters of a negative prompt. */
  negativePrompt: 8000,
  guidanceScale: 20,
  /** Steering vectors of one request, and how strong each may be. */
  steeringVectors: 8,
  vectorStrength: 64,
  /** Characters of a banned or required phrase; `RULE_LIMITS` has what else rules may measure. */
  phraseLength: 256,
  scorerStrength: 100,
  scorerCandidates: 64,
  scorerDeadlineMs: 30_000,
  /** Tokens that a trace lists beside the chosen one. */
  traceAlternatives: 5,
  /** Early exits that one row takes of each step: each costs a product with the head. */
  exits: 32,
  /** The highest number of a layer that a request may name; the model says which it has. */
  layer: 1000,
  /** Experts of one request: each is a row of the batch. */
  experts: 8,
  expertWeight: 20,
  contrastStrength: 20,
  /** Attributes of classifiers in one request. */
  attributes: 8,
  classifierStrength: 200,
  /** Iterations of a gradient for one token: each costs about as much as two steps. */
  gradientIterations: 32,
  gradientStep: 1,
  /** Weight of the divergence in a gradient's loss. */
  gradientDivergence: 10,
  /** Candidates for one token that a classifier looks ahead over: each costs as much as a row. */
  lookahead: 200,
  /** Candidates of one choice, and beams: each is a generation with all its rows. */
  candidates: 64,
  beams: 16,
  /** Tokens of all candidates of one choice. */
  searchTokens: 1 << 20,
  /** Tokens between two checks of unfinished candidates. */
  checkpoint: 4096,
  lengthPenalty: 10,
  diversity: 100,
  /** Characters of a pattern that finds a text's answer, how much of the text's end it is looked for in, and steps of the match. */
  answerPattern: 512,
  answerText: 4000,
  answerSteps: 300_000,
  /** Characters of a grader's template, of what it is filled in to, and of a formula; and graders of one `multi`. */
  graderTemplate: 65_536,
  graderText: 200_000,
  /** Characters of a text, times the instructions it is held to, times its variants: a few seconds of the slowest kind. */
  instructionWork: 2_000_000,
  graderFormula: 2000,
  graders: 16,
  /** Parts of one text times parts of the other where a metric compares each with each: about a fifth of a second. */
  graderWork: 1e9,
  /** Of a job's report: prompts, replies to each, and tokens of a reply. */
  reportPrompts: 256,
  reportSamples: 8,
  reportTokens: 512,
  deltaWeight: 8,
  maxTokens: 1 << 20,
  eventBatch: 1000,
  eventMessage: 4000,
  targetModules: 256,
  targetModuleLength: 128,
  /** What a dry run reads of each file, and shows of it: examples, and of each sequences and their first tokens. */
  validatedBytes: 1 << 20,
  validatedLines: 1000,
  validatedTokens: 200_000,
  validatedExamples: 20,
  shownSequences: 16,
  shownTokens: 4096,
  /** Methods that one job trains together. */
  peftMethods: 8,
  /** Stages of one pipeline, and the characters of a stage's name, which becomes part of its model's. */
  pipelineStages: 16,
  stageName: 32,
  /** Trials of one sweep, and of those that are queued or running at a time; axes, and the values of one. */
  trials: 64,
  parallelTrials: 16,
  trialAxes: 8,
  trialValues: 64,
  /** Rounds of a job that makes data, and instructions that it asks for, all of which its checkpoints hold. */
  synthesisRounds: 50,
  synthesisTexts: 20_000,
  /** Projects of one request for permissions of a checkpoint. */
  permittedProjects: 100,
  /** Leases in a row that may end without a new checkpoint before a job is given up. */
  leasesWithoutProgress: 5,
} as const;

export const DEFAULTS = {
  labelStepPrompts: 8,
  listPage: 20,
  checkpointPage: 10,
  validatedExamples: 3,
  leaseSeconds: 30,
  requestsPerMinute: 6_000,
  tokensPerMinute: 2_000_000,
} as const;
