import { describe, expect, it, vi } from "vitest";
import { Method } from "../../../../shared/api/methods.ts";
import type { TrainerEvent } from "../../../../shared/api/trainer.ts";
import { RECIPES } from "../../../../trainer/recipes/registry.ts";
import { quietContext, tinyJobOf } from "../objectives/run-objective.ts";

vi.setConfig({ testTimeout: 60_000 });

const jsonl = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

async function run(type: "dpo" | "kto" | "simpo", lines: readonly object[], hyperparameters: object = {}) {
  const events: Omit<TrainerEvent, "seq">[] = [];
  const method = Method.parse({ type, [type]: { hyperparameters: { max_steps: 1, ...hyperparameters } } });
  const settings = (method as never as Record<string, never>)[type]!;
  const job = { ...(await tinyJobOf({ settings, training: jsonl(lines) })), type };
  const outcome = await RECIPES[type](job as never, quietContext({ event: (event) => void events.push(event) }));
  return { outcome, first: events[0]! };
}

describe("a job on pairs", () => {
  const pair = (chosen: string, rejected: string) => ({ prompt: "say", chosen, rejected });

  it("says first what its data looks like, and warns of a length that gives the label away", async () => {
    const { first } = await run("dpo", [
      pair(" red one two", " red"),
      pair(" blue one two", " up"),
      pair(" a b", " c"),
    ]);
    expect(first).toMatchObject({
      level: "warn",
      message: expect.stringContaining(
        "train.jsonl: 3 pairs, 0 of them repeated, 0 contradicting an earlier one; the longer answer is the better one in 100.0 %; a model can learn this length",
      ),
      data: { pairs: 3, duplicates: 0, contradictions: 0, length_bias: 1 },
    });
  });

  it("is quiet about data without such a bias, and warns of contradictions", async () => {
    const balanced = [pair(" red one", " red"), pair(" up", " up one")];
    expect((await run("dpo", balanced)).first).toMatchObject({ level: "info", data: { length_bias: 0.5 } });
    const torn = [...balanced, pair(" up one", " up"), pair(" up", " up one")];
    expect((await run("dpo", torn)).first).toMatchObject({ level: "warn", data: { duplicates: 1, contradictions: 2 } });
  });

  it("reports the beta that auto stands for, and the one that was asked for", async () => {
    const lines = [pair(" red one", " red"), pair(" up", " up one")];
    expect((await run("dpo", lines)).outcome.hyperparameters).toMatchObject({ beta: 0.1 });
    expect((await run("simpo", lines)).outcome.hyperparameters).toMatchObject({ beta: 2 });
    expect((await run("dpo", lines, { beta: 0.4 })).outcome.hyperparameters).toMatchObject({ beta: 0.4 });
  });
});

describe("a job on single completions", () => {
  it("says what its data looks like and reports its beta", async () => {
    const line = (completion: string, label: boolean) => ({ prompt: "say", completion, label });
    const lines = [line(" red one", true), line(" red", false), line(" up", true), line(" up", false)];
    const { first, outcome } = await run("kto", lines);
    expect(first).toMatchObject({
      level: "warn",
      message: expect.stringContaining(
        "4 completions, 2 of them desirable, 0 repeated, 1 contradicting an earlier one",
      ),
      data: { lines: 4, desirable: 2, duplicates: 0, contradictions: 1, length_bias: 0.625 },
    });
    expect(outcome.hyperparameters).toMatchObject({ beta: 0.1 });
  });
});
