import { describe, expect, it } from "vitest";
import { REPORT_DEFAULTS } from "../../../shared/api/report-settings.ts";
import { type EvaluationProbes, NO_PROBES } from "../../../shared/evaluation/probes.ts";
import { loadChatTemplate } from "../../../shared/model/chat-template.ts";
import { loadFolderTokenizer } from "../../../shared/model/model-folder.ts";
import { chooseQuestions, type QuestionOptions, type ReportPrompt } from "../../../trainer/report/questions.ts";
import { readTrainedTexts } from "../../../trainer/report/trained-texts.ts";
import { tinyModel } from "../tiny-model.ts";

const tokenizer = loadFolderTokenizer(tinyModel());
const template = loadChatTemplate(tokenizer);
const prompt = (text: string): ReportPrompt => {
  return { ids: Int32Array.from(tokenizer.encode(text)), text, item: { prompt: text } };
};
const probes = (changes: Partial<EvaluationProbes>): EvaluationProbes => ({ ...NO_PROBES, ...changes });
const trainedOn = (text: string) => readTrainedTexts(new TextEncoder().encode(text));
const choose = (changes: Partial<QuestionOptions> = {}) =>
  chooseQuestions({
    ...{ settings: { ...REPORT_DEFAULTS, prompts: 4, max_tokens: 8 }, seed: 3, probes: NO_PROBES, tokenizer, template },
    ...{ room: 128, prompts: [], pairs: [], completions: [], trained: trainedOn("") },
    ...changes,
  });

describe("the questions of a report", () => {
  it("are no more than the settings say, drawn by the seed", () => {
    const prompts = Array.from({ length: 20 }, (_, i) => prompt(`say ${i}`));
    const facts = Array.from({ length: 30 }, (_, i) => ({ prompt: `fact ${i} is`, answer: `${i}` }));
    const chosen = choose({ prompts, probes: probes({ facts, texts: facts.map(({ prompt }) => prompt) }) });
    expect([chosen.prompts.length, chosen.facts.length, chosen.texts.length]).toEqual([4, 8, 4]);
    expect(new Set(chosen.prompts.map(({ text }) => text)).size).toBe(4);
    expect(choose({ prompts }).prompts).toEqual(chosen.prompts);
    expect(choose({ prompts, seed: 4 }).prompts).not.toEqual(chosen.prompts);
  });

  it("leave room for the reply, and say how much room the longest takes", () => {
    const prompts = [prompt("say"), prompt("say ".repeat(40))];
    const longest = prompts[1]!.ids.length + 8;
    expect(choose({ prompts, room: longest }).prompts).toHaveLength(2);
    expect(choose({ prompts, room: longest }).longest).toBe(longest);
    expect(choose({ prompts, room: longest - 1 }).prompts.map(({ text }) => text)).toEqual(["say"]);
  });

  it("are no facts that a line of the training file states, and no probes that it asks", () => {
    const facts = [
      { prompt: "The capital of France is", answer: "Paris", subject: "France" },
      { prompt: "The capital of Spain is", answer: "Madrid", subject: "Spain" },
      { prompt: "The capital of Italy is", answer: "Rome", subject: "Italy" },
      { prompt: "Water is", answer: "wet" },
      { prompt: "Ice is", answer: "cold" },
    ];
    const tasks = ['Copy: "a"\nb', "Copy: b", "Grüß"].map((user) => ({
      task: "copy",
      user,
      answer: "a",
      match: "text" as const,
    }));
    const style = { name: "r", high: "h", low: "l", classifier: { bias: 0, weights: {} } };
    const styles = [{ ...style, prompts: [{ user: "Ask me." }, { text: "Once" }] }];
    const trained = `{"a": "In France, it is Paris."}\n{"a": "Spain"}\n{"b": "Madrid"}\n${JSON.stringify({ user: 'Copy: "a"\nb' })}\n{"user":"Ask me."}\n{"prompt": "Ice is", "completion": " cold"}\n{"user": "Gr\\u00fc\\u00df"}`;
    const chosen = choose({ trained: trainedOn(trained), probes: probes({ facts, tasks, styles }) });
    expect(chosen.facts.map(({ of }) => of.answer).sort()).toEqual(["Madrid", "Rome", "wet"]);
    expect(chosen.tasks.map(({ of }) => of.user)).toEqual(["Copy: b"]);
    expect(chosen.styles[0]!.prompts).toHaveLength(1);
  });

  it("are chats only where the model has a template", () => {
    const tasks = [{ task: "copy", user: "Copy: a", answer: "a", match: "text" as const }];
    const facts = [{ prompt: "Water is", answer: "wet" }];
    const bare = choose({ template: undefined, probes: probes({ tasks, facts }) });
    expect([bare.tasks.length, bare.instructions.length, bare.facts.length]).toEqual([0, 0, 1]);
    const chat = choose({ probes: probes({ tasks }) });
    expect([...chat.tasks[0]!.ids]).toEqual(template.encodePrompt([{ role: "user", content: "Copy: a" }]));
    expect(chat.instructionsFrom).toBe("built-in");
  });

  it("are the base's own instructions where it brings some", () => {
    const instructions = [{ prompt: "No commas.", instructions: [{ kind: "no_commas" as const }] }];
    const chosen = choose({ probes: probes({ instructions }) });
    expect([chosen.instructionsFrom, chosen.instructions.map(({ of }) => of.prompt)]).toEqual(["base", ["No commas."]]);
  });

  it("label every token of a text but the first", () => {
    const [text] = choose({ probes: probes({ texts: ["one two"] }) }).texts;
    expect(text!.labels[0]).toBe(-100);
    expect([...text!.labels.slice(1)]).toEqual([...text!.ids.slice(1)]);
    expect(text!.ids.at(-1)).toBe(tokenizer.eosId);
  });
});
