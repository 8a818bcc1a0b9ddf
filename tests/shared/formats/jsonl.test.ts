import { describe, expect, test } from "vitest";
import { createJsonlReader, type JsonlOptions, parseJsonl } from "../../../shared/formats/jsonl.ts";
import { createRandom } from "../../../shared/random.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const read = (file: string | Uint8Array, options: JsonlOptions = {}) => [
  ...parseJsonl(typeof file === "string" ? encode(file) : file, { name: "data.jsonl", ...options }),
];

describe("reading", () => {
  test.each([
    ["line feeds", '{"a":1}\n{"b":"é"}\n'],
    ["no break at the end", '{"a":1}\n{"b":"é"}'],
    ["Windows", '{"a":1}\r\n{"b":"é"}\r\n'],
    ["a byte order mark", '\ufeff{"a":1}\n{"b":"é"}\n'],
    ["blank lines at the end", '{"a":1}\n{"b":"é"}\n\n  \r\n\n'],
  ])("%s", (_name, file) => {
    expect(read(file)).toEqual([
      { number: 1, value: { a: 1 } },
      { number: 2, value: { b: "é" } },
    ]);
  });

  test("blank lines count as lines and hold nothing", () => {
    expect(read('\n{"a":1}\n\n  \n{"a":2}\n').map(({ number }) => number)).toEqual([2, 5]);
  });

  test("line separators inside strings do not end a line", () => {
    expect(read('"a\u2028b\u0085c\\n"\n')).toEqual([{ number: 1, value: "a\u2028b\u0085c\n" }]);
  });

  test("in chunks of any size, even if the caller overwrites them afterwards", () => {
    const file = encode('\ufeff{"text":"naïve 🙂"}\r\n[1,2]\n"last"');
    const expected = read(file);
    const random = createRandom(1);
    for (let round = 0; round < 100; round++) {
      const reader = createJsonlReader();
      const lines = [];
      for (let at = 0; at < file.length; ) {
        const chunk = file.slice(at, at + 1 + random.below(9));
        lines.push(...reader.push(chunk));
        at += chunk.length;
        chunk.fill(0);
      }
      expect([...lines, ...reader.end()]).toEqual(expected);
    }
  });
});

describe("refusing", () => {
  test.each<[string, string | Uint8Array, string, JsonlOptions?]>([
    ["an empty file", "", "data.jsonl is empty; it needs one JSON object on each line"],
    ["blank lines only", "\n \n", "data.jsonl is empty"],
    ["broken JSON", '{"a":1}\n{"a":\n', "line 2 of data.jsonl is not valid JSON: "],
    ["two values on a line", '{"a":1} {"a":2}\n', "line 1 of data.jsonl is not valid JSON: "],
    ["a JSON file over many lines", '[\n{"a":1}\n]', "line 1 of data.jsonl is not valid JSON: "],
    ["a key twice", '{"a":1}\n{"a":1,"a":2}\n', 'line 2 of data.jsonl has the key "a" twice; keep one of them'],
    [
      "bytes that are not UTF-8",
      Uint8Array.of(0x22, 0xff, 0x22, 0x0a),
      "line 1 of data.jsonl is not UTF-8; save the file as UTF-8",
    ],
    ["UTF-16", Uint8Array.of(0xff, 0xfe, 0x7b, 0, 0x7d, 0), "looks like UTF-16"],
    ["UTF-16 without a mark", Uint8Array.of(0x7b, 0, 0x7d, 0), "looks like UTF-16"],
    ["a mark on a later line", '{"a":1}\n\ufeff{"a":2}\n', "line 2 of data.jsonl is not valid JSON: "],
    [
      "a line over the cap",
      `"${"x".repeat(100)}"\n`,
      "line 1 of data.jsonl is longer than 50 bytes; split it or remove it",
      { maxLineBytes: 50 },
    ],
    ["an endless line", `"${"x".repeat(100)}`, "longer than 50 bytes", { maxLineBytes: 50 }],
    [
      "too many lines",
      "1\n2\n3\n",
      "line 3 of data.jsonl is one too many: at most 2 lines are allowed",
      { maxLines: 2 },
    ],
  ])("%s", (_name, file, message, options) => {
    expect(() => read(file, options)).toThrow(message);
    expect(() => read(file, options)).toThrow(expect.objectContaining({ name: "TrimtabError", code: "invalid_file" }));
  });

  test("the line number is in the error's data", () => {
    expect(() => read("1\n2\nx\n")).toThrow(expect.objectContaining({ message: expect.stringContaining("line 3") }));
    expect(() => read(`1\n"${"x".repeat(99)}"`, { maxLineBytes: 50 })).toThrow(
      expect.objectContaining({ data: { line: 2 } }),
    );
  });
});
