import { expect, it } from "vitest";
import { loadFolderTokenizer } from "../../../../shared/model/model-folder.ts";
import { dpo } from "../../../../trainer/recipes/dpo.ts";
import { readReportData, templateOf } from "../../../../trainer/recipes/report/report-data.ts";
import { settingsOf } from "../../../support/peft.ts";
import { TINY_FILES, tinyJobOf } from "../objectives/run-objective.ts";

const tokenizer = loadFolderTokenizer(TINY_FILES);
const user = (content: string) => ({ role: "user", content });
const pair = (prompt: object[], better: string, worse: string) => ({
  input: { messages: prompt },
  preferred_output: [{ role: "assistant", content: better }],
  non_preferred_output: [{ role: "assistant", content: worse }],
});
const LINES = [
  pair([user("red")], "blue", "up"),
  pair([user("red")], "green", "down"),
  pair([{ role: "system", content: "Be kind." }, user("one")], "two", "three"),
  { prompt: "say", chosen: " red", rejected: " up" },
];

async function read(lines: "pairs" | "completions" | "prompts") {
  const training = LINES.map((line) => `${JSON.stringify(line)}\n`).join("");
  const job = await tinyJobOf({
    settings: { hyperparameters: {}, peft: settingsOf({ type: "lora" }) } as never,
    training,
  });
  return readReportData({
    objective: dpo as never,
    job,
    run: { tokenizer, maxLength: 128 },
    dataset: job.training,
    lines,
  });
}

it("finds each prompt once, as tokens, as text, and with its line", async () => {
  const { prompts } = await read("completions");
  expect(prompts.map(({ text }) => text)).toEqual(["red", "system: Be kind.\nuser: one", "say"]);
  expect(prompts.map(({ item }) => item)).toEqual([LINES[0], LINES[2], LINES[3]]);
  const template = templateOf(tokenizer, 0)!;
  expect([...prompts[0]!.ids]).toEqual(template.encodePrompt([user("red")]));
  expect([...prompts[2]!.ids]).toEqual([...tokenizer.prefix, ...tokenizer.encode("say")]);
});

it("finds the two sides of a pair, labelled where they differ from the prompt", async () => {
  const { pairs } = await read("pairs");
  expect(pairs).toHaveLength(4);
  for (const { chosen, rejected } of pairs) {
    const start = chosen.labels.findIndex((label) => label !== -100);
    expect([...chosen.ids.slice(0, start)]).toEqual([...rejected.ids.slice(0, start)]);
    expect(chosen.labels.slice(start).some((label) => label !== -100)).toBe(true);
    expect(chosen.labels.every((label, at) => label === -100 || label === chosen.ids[at])).toBe(true);
  }
  expect((await read("completions")).pairs).toEqual([]);
});
