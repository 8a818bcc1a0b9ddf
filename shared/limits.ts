/** Everything that a request can make large has its cap here, so that nothing is allocated before it was checked. */
export const LIMITS = {
  /** The classes of a classifier, and the characters of a class's name. */
  labels: 32,
  labelName: 64,
  /** Bytes of a JSON request body. */
  jsonBody: 1 << 20,
  /** Bytes of one uploaded dataset. */
  file: 100 * (1 << 20),
  /** Bytes that a gzipped dataset may unpack to. */
  unpackedFile: 400 * (1 << 20),
  /** Unpacked bytes of one row group of a Parquet dataset, which are in memory together. */
  parquetGroup: 48 * (1 << 20),
  /** Bytes of the multipart framing around an uploaded dataset: headers, boundaries and the small fields. */
  multipartOverhead: 64 * 1024,
  fileName: 255,
  /** Bytes of one artefact or checkpoint that a trainer stores. */
  artefact: 4 * (1 << 30),
  artefactFiles: 64,
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
  messages: 1000,
  messageName: 64,
  tools: 128,
  choices: 16,
  prompts: 64,
  stopSequences: 4,
  stopLength: 256,
  logitBias: 300,
  repetitionPenalty: 10,
  topLogprobs: 20,
  completionLogprobs: 5,
  deltasPerRequest: 8,
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
  /** Leases in a row that may end without a new checkpoint before a job is given up. */
  leasesWithoutProgress: 5,
} as const;

export const DEFAULTS = {
  listPage: 20,
  checkpointPage: 10,
  validatedExamples: 3,
  leaseSeconds: 30,
  requestsPerMinute: 6_000,
  tokensPerMinute: 2_000_000,
} as const;
