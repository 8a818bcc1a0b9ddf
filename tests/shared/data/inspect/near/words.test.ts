import { describe, expect, test } from "vitest";
import { WordHashes } from "../../../../../shared/data/inspect/near/words.ts";

const words = new WordHashes();
const hashes = (text: string) => [...words.of(text)];

describe("WordHashes", () => {
  test("hashes each word, in lower case and without punctuation", () => {
    expect(hashes("One, two; ONE!")).toHaveLength(3);
    expect(hashes("One, two; ONE!")[0]).toBe(hashes("one")[0]);
    expect(hashes("one two")).not.toEqual(hashes("onetwo"));
    expect(hashes("Größe")).toEqual(hashes("GRÖSSE".replace("SS", "ß")));
    expect(hashes("ﬁne")).toEqual(hashes("fine"));
  });

  test("takes letters of scripts without spaces as words", () => {
    expect(hashes("春天的诗")).toHaveLength(4);
    expect(hashes("สวัสดี").length).toBeGreaterThan(1);
    expect(hashes("नमस्ते दुनिया")).toHaveLength(2);
  });

  test("has no limit of words, and nothing to say of none", () => {
    expect(hashes("a ".repeat(5000))).toHaveLength(5000);
    expect(hashes("… !")).toEqual([]);
  });
});
