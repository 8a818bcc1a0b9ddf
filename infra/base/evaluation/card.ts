import { parameterCount } from "../../../shared/model/modules.ts";
import { BASE_CONFIG, SEED, STAGES, TOTAL_STEPS } from "../pretraining/recipe.ts";
import { type EvaluationReport, REQUIRED_RATES } from "./evaluate.ts";

const MEASURES: Readonly<Record<keyof EvaluationReport, string>> = {
  facts: "Facts recalled by greedy decoding, each in the one phrasing that training never has for it",
  tasks: "Tasks solved exactly, on held-out instances, in chat",
  sentiment: "Continuations of a review whose sentiment a classifier, trained on other generated reviews, finds right",
  chat: "Chat replies that end by themselves within 96 tokens",
};

/** The base's model card, with the figures of one evaluation. */
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
politeness and seven small tasks, all from a generated corpus; it knows nothing else and is no general assistant.

## How it is made

    npm run make:base

makes it again from seed ${SEED}: the tokenizer, ${TOTAL_STEPS} steps of pretraining by Trimtab's own trainer (${stages.join(", ")};
AdamW, cosine schedule), and the evaluation below. That takes up to two hours on two cores, mostly for the pretraining. The result is checked by evaluation and not by bytes: other
machines add in another order.

## Evaluation

    npm run eval:base

| Measure | Right | Rate | Required |
|---|---|---|---|
${rows.join("\n")}

By task: ${tasks.join(", ")}.

What is held out: for every fact one phrasing that ends in the answer; for copying, sorting, counting, reversing and extraction the content
itself; for arithmetic only the exact wording with its numbers, as there are too few pairs of small numbers. Chat prompts come from a random
stream of their own, but short small talk may also occur in training.

## Limits

The facts were collected by hand and are simplified (short currency names, ASCII spelling, one inventor per invention). Sampling at a
temperature well above 0 soon gives wrong facts. Answers to anything outside the corpus are noise.
`;
}
