import { expect, it } from "vitest";
import { languageOf } from "../../../../shared/evaluation/text/language.ts";

it.each([
  ["en", "The ship leaves the harbour in the morning and comes back at night."],
  ["es", "El barco sale del puerto por la mañana y vuelve por la noche."],
  ["de", "Das Schiff verlässt den Hafen am Morgen und kehrt in der Nacht zurück."],
  ["pt", "O navio deixa o porto pela manhã e volta quando a noite chega à cidade."],
  ["vi", "Con tàu rời cảng vào buổi sáng và trở về khi mặt trời lặn trên biển."],
  ["hi", "जहाज सुबह बंदरगाह से निकलता है और शाम को वापस आ जाता है।"],
  ["ne", "जहाज बिहान बन्दरगाहबाट निस्कन्छ र साँझमा फर्कन्छ। नाविकहरूलाई घर जान मन छ।"],
  ["sw", "Meli inaondoka bandarini asubuhi na kurudi wakati wa jua kuzama katika bahari ya utulivu."],
  ["ja", "船は朝に港を出て、静かな海に日が沈むころに戻ってきます。"],
  ["fa", "کشتی صبح از بندر خارج می‌شود و هنگام غروب آفتاب بازمی‌گردد."],
])("knows %s", (language, text) => {
  expect(languageOf(text)).toBe(language);
});

it("says nothing of a text without letters", () => {
  expect(languageOf("14, 21!")).toBeUndefined();
});
