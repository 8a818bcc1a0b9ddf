import { describe, expect, test } from "vitest";
import { languageMix, languageOf } from "../../../../../shared/data/inspect/diversity/languages.ts";

describe("languageOf", () => {
  test.each([
    ["en", "Explain the difference between TCP and UDP."],
    ["de", "Nenne drei Tipps für ein gesundes Leben."],
    ["fr", "Donnez trois conseils pour rester en bonne santé."],
    ["es", "Escribe un poema sobre el otoño"],
    ["ru", "Дайте три совета, как оставаться здоровым."],
    ["zh", "请给出三个保持健康的建议。"],
    ["ja", "健康を保つための三つのヒントを教えてください。"],
    ["ko", "건강을 유지하기 위한 세 가지 팁을 주세요."],
    ["ar", "أعط ثلاث نصائح للبقاء بصحة جيدة."],
    ["und", "1 + 2 = 3"],
    ["und", ""],
  ])("is %s for %j", (language, text) => expect(languageOf(text)).toBe(language));
});

test("languageMix counts languages, the most common first", () => {
  const found = ["en", "de", "en"].map((language, at) => ({ line: at + 1, language }));
  expect(languageMix(found)).toEqual([
    { language: "en", lines: 2, share: 2 / 3, first_line: 1 },
    { language: "de", lines: 1, share: 1 / 3, first_line: 2 },
  ]);
});
