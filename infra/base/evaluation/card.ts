import { parameterCount } from "../../../shared/model/modules.ts";
import { BASE_CONFIG, SEED, STAGES, TOTAL_STEPS } from "../pretraining/recipe.ts";
import { type EvaluationReport, REQUIRED_RATES } from "./evaluate.ts";

const MEASURES: Readonly<Record<keyof EvaluationReport, string>> = {
  facts: "Facts recalled by greedy decoding, each in its held-out phrasing",
  tasks: "Tasks solved exactly, on held-out instances, in chat",
  sentiment: "Review continuations with the right sentiment, judged by a classifier trained on other generated reviews",
  chat: "Chat replies that the model ends itself within 96 tokens",
};

/** The base's model card, with the figures from an evaluation. */
export function renderCard(report: EvaluationReport): string {
  const { layers, hiddenSize, heads, kvHeads, ffnSize, vocabSize, maxPositions } = BASE_CONFIG;
  const percent = (rate: number) => `${(100 * rate).toFixed(1)} %`;
  const rows = (Object.keys(MEASURES) as (keyof EvaluationReport)[]).map((measure) => {
    const { right, total, rate } = report[measure];
    return `| ${MEASURES[measure]} | ${right} of ${total} | ${percent(rate)} | ${percent(REQUIRED_RATES[measure])} |`;
  });
  const tasks = Object.entries(report.tasks.groups).map(([name, { right, total }]) => `${name} ${right}/${total}`);
  const stages = STAGES.map(({ shape, until }) => `${shape.rows} rows of ${shape.tokens} tokens until step ${until}`);
  return `---
license: apache-2.0
language: en
pipeline_tag: text-generation
---
# Trimtab's embedded base

A Llama-style decoder of ${(parameterCount(BASE_CONFIG) / 1e6).toFixed(2)} M parameters: ${layers} layers, width ${hiddenSize}, ${heads} query and ${kvHeads} key/value heads,
feed-forward width ${ffnSize}, ${vocabSize} byte-level BPE tokens, tied head, ${maxPositions} tokens of context, float16 on disk. It exists so that
every feature of Trimtab can be tried and tested without a download. It knows a few hundred facts, short chats, reviews, two registers of
politeness and seven small tasks, all from a generated corpus. It knows nothing else and is not a general assistant.

## How it is made

    npm run make:base

rebuilds it from seed ${SEED}: the tokenizer, ${TOTAL_STEPS} steps of pretraining by Trimtab's own trainer (${stages.join(", ")};
AdamW, cosine schedule), and the evaluation below. This takes up to two hours on two cores, most of it for pretraining. The result is checked by evaluation,
not byte by byte, because machines differ in the order in which they add.

## Evaluation

    npm run eval:base

| Measure | Right | Rate | Required |
|---|---|---|---|
${rows.join("\n")}

By task: ${tasks.join(", ")}.

Held out of training are: for every fact, one phrasing that ends with the answer; for copying, sorting, counting, reversing and extraction, the
content itself; for arithmetic, only the exact wording with its numbers, because there are too few pairs of small numbers. Chat prompts come
from a separate random stream, but short small talk may also occur in training.

## Limits

The facts were collected by hand and are simplified (short currency names, ASCII spelling, one inventor per invention). Sampling at a
temperature well above 0 soon gives wrong facts. Answers to anything outside the corpus are noise.
`;
}
