/** `npm run eval:suites`: what the suites that ship say of the embedded base. */
import { readdirSync, readFileSync } from "node:fs";
import { renderChat } from "../../infra/base/corpus/document.ts";
import { parseProbes } from "../../shared/evaluation/probes.ts";
import { SUITES, type SuiteRun, summarise } from "../../shared/evaluation/suites/registry.ts";
import type { ChooseSuite, GenerateSuite, SuiteItem, SuiteSource } from "../../shared/evaluation/suites/suite.ts";
import { Grader, grade } from "../../shared/graders/registry.ts";
import { observe, render } from "../../shared/graders/render.ts";
import { IGNORED_LABEL } from "../../shared/model/chat-template.ts";
import { parseModelConfig } from "../../shared/model/config.ts";
import { loadTokenizer } from "../../shared/model/tokenizer.ts";
import { readModel } from "../../shared/model/weights.ts";
import type { AttachedMethod } from "../../shared/peft/method.ts";
import { createOnnxRuntimeExecutor } from "../../trainer/engines/onnxruntime.ts";
import { openRunSubject } from "../../trainer/recipes/report/run-subject.ts";

const FOLDER = new URL("../../infra/base/model/", import.meta.url).pathname;
const read = (name: string) => readFileSync(`${FOLDER}${name}`);
const json = (name: string): unknown => JSON.parse(read(name).toString("utf8"));

const tokenizer = loadTokenizer(json("tokenizer.json"), json("tokenizer_config.json"));
const files = { names: readdirSync(FOLDER), bytes: async (name: string) => new Uint8Array(read(name)) };
const { config, weights } = await readModel(parseModelConfig(json("config.json")), files);
const nothing: AttachedMethod = {
  ...{ parameters: [], initial: new Map(), startsAsBase: true, randomInputs: () => [] },
};
const subject = await openRunSubject({
  executor: createOnnxRuntimeExecutor({ threads: 1 }),
  run: { config, weights, tokenizer },
  ...{ method: nothing, values: new Map(), room: 400, seed: 0 },
  endTokens: new Set([tokenizer.padId, tokenizer.eosId]),
  yieldToEventLoop: () => new Promise((resume) => setImmediate(resume)),
});
const source: SuiteSource = { probes: parseProbes(read("evaluation.json")) };

async function chosen({ items }: ChooseSuite): Promise<SuiteRun> {
  const all = items(source);
  const examples = all.flatMap(({ prompt, choices }) => {
    const before = [...tokenizer.prefix, ...(prompt === "" ? [] : tokenizer.encode(prompt))];
    // Something must stand before the first token that is scored.
    const start = before.length === 0 ? [tokenizer.eosId] : before;
    return choices.map((choice) => {
      const after = tokenizer.encode(choice);
      const labels = [...start.map(() => IGNORED_LABEL), ...after];
      return { ids: Int32Array.from([...start, ...after]), labels: Int32Array.from(labels) };
    });
  });
  const scores = await subject.logProbabilities(examples);
  let next = 0;
  const results = all.map(({ choices }, item) => {
    const logprobs = choices.map(() => scores[next++]!.reduce((sum, one) => sum + one, 0));
    return { item, logprobs };
  });
  return { source, results };
}

async function written({ items, input_messages, max_tokens, criteria }: GenerateSuite): Promise<SuiteRun> {
  const all: readonly SuiteItem[] = items(source);
  const prompts = all.map((item) => {
    const messages = input_messages.map(({ role, content }) => {
      const filled = render(content, observe("", item), "input_messages");
      if ("flaw" in filled) throw new Error(`${item.id} lacks a field of ${content}`);
      return { role, content: filled.text };
    });
    return Int32Array.from(tokenizer.encodeTrusted(renderChat(messages, { generationPrompt: true })));
  });
  const replies = await subject.reply(prompts, { maxTokens: max_tokens, temperature: 0 });
  const results = [];
  for (const [item, [reply]] of replies.entries()) {
    const grades: Record<string, number> = {};
    for (const criterion of criteria) {
      const context = { observation: observe(reply!.text, all[item]), at: criterion.name };
      const ask = async () => {
        throw new Error("the suites ask no model");
      };
      grades[criterion.name] = (await grade(Grader.parse(criterion), { ...context, ask })).score;
    }
    results.push({ item, text: reply!.text, grades });
  }
  return { source, results };
}

const shown = (value: number | null) => (value === null ? "" : value.toFixed(3));
console.log("| Suite | Score | Value | 95 % | n |\n|---|---|---|---|---|");
for (const suite of SUITES) {
  const run = suite.mode === "choose" ? await chosen(suite) : await written(suite);
  for (const [score, estimate] of Object.entries(summarise(suite, run))) {
    if (estimate === null) continue;
    const { value, low, high, n } = estimate;
    console.log(`| ${suite.name} | ${score} | ${shown(value)} | ${shown(low)} to ${shown(high)} | ${n} |`);
  }
}
await subject.close();
