import { expect, it } from "vitest";
import { readTrainedTexts } from "../../../trainer/report/trained-texts.ts";

const read = (text: string, most?: number) => readTrainedTexts(new TextEncoder().encode(text), most);

it("reads texts as they are, however the file writes them", () => {
  const { asks, states } = read(
    '{"messages":[{"role":"user","content":"Wo liegt M\\u00fcnchen?\\n"},{"role":"assistant","content":"In Bayern, \\"s\\u00fcdlich\\"."}]}\n',
  );
  expect([asks("Wo liegt München?"), asks("Wo liegt"), asks("M\\u00fcnchen")]).toEqual([true, false, false]);
  expect([states("München", '"südlich"'), states("München", "Berlin")]).toEqual([true, false]);
});

it("takes both of a fact from one line, and numbers as texts", () => {
  const { states } = read('{"prompt":"7 times 6 is","completion":42}\n{"text":"7 and 13"}\n');
  expect([states("7 times 6 is", "42"), states("7 times 6 is", "13")]).toEqual([true, false]);
});

it("goes without lines that are no JSON, such as the one that it is cut in", () => {
  const text = '{"text":"one"}\nnothing\n{"text":"two"}\n';
  const whole = read(text);
  expect([whole.isWhole, whole.asks("one"), whole.asks("two")]).toEqual([true, true, true]);
  const cut = read(text, text.length - 3);
  expect([cut.isWhole, cut.asks("one"), cut.asks("two")]).toEqual([false, true, false]);
});
