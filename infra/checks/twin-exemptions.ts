/** Source files without a test of their own, each with the reason. A file with logic does not belong here. */
export const TWIN_EXEMPTIONS: Readonly<Record<string, string>> = {
  "infra/checks/twin-exemptions.ts": "this table",
  "infra/base/corpus/facts/": "tables of facts; tests/infra/base/corpus/facts/all.test.ts checks every row",
  "infra/base/corpus/words.ts": "lists of words",
  "infra/base/tokenizer/make.ts": "a command; its parts and its result are tested in train-bpe.test.ts",
  "infra/base/make.ts": "a command: three others in a row",
  "infra/base/evaluation/run.ts": "a command; prints what evaluate-folder.ts finds",
  "infra/base/pretraining/pretrain.ts": "a command; its plan, rows and checkpoints are tested on their own",
  "infra/base/pretraining/recipe.ts": "the numbers of one run",
  "trainer/engines/executor.ts": "an interface, which tests/contract holds every executor to",
  "infra/base/demo/make.ts": "a command; its parts and its result are tested in sailor.test.ts",
};
