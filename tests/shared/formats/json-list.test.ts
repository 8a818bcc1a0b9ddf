import { describe, expect, it } from "vitest";
import { createJsonListReader, type JsonListOptions } from "../../../shared/formats/json-list.ts";

function read(text: string, options: Partial<JsonListOptions> = {}, size = 3): unknown[] {
  const reader = createJsonListReader({ name: "f", list: "data", ...options });
  const bytes = new TextEncoder().encode(text);
  const found = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...reader.push(bytes.subarray(at, at + size)));
  return [...found, ...reader.end()];
}

const entries = (...values: unknown[]) => values.map((value, at) => ({ number: at + 1, value }));

describe("createJsonListReader", () => {
  it("gives the entries of one member, in chunks of any size", () => {
    const text =
      '\ufeff {"a":{"data":[1]},"b":["data",{"data":[{}]}],"data":[{"x":"[{\\"}"}, {"x":{"y":[{}]}}\n],"c":[{}]} \n';
    for (const size of [1, 2, 7, 1000]) {
      expect(read(text, {}, size)).toEqual(entries({ x: '[{"}' }, { x: { y: [{}] } }));
    }
  });

  it("joins entries with the members before the list", () => {
    const join: JsonListOptions["join"] = (entry, members) => ({ ...(entry as object), of: members });
    expect(read('{"d":"t","data":[{"x":1}],"e":2}', { join })).toEqual(entries({ x: 1, of: { d: "t", data: [] } }));
  });

  it("reads several objects where that is asked for", () => {
    const text = '{"data":[{"x":1}]}\n{"z":0,"data":[{"x":2}]}';
    expect(read(text, { several: true })).toEqual(entries({ x: 1 }, { x: 2 }));
    expect(() => read(text)).toThrow("f continues after the end of its object");
    expect(() => read('{"data":[{"x":1}]}{"b":1}', { several: true })).toThrow(
      'has an object 2 without the list "data"',
    );
  });

  it.each([
    ['{"data":[{"x":1}', "ends before its object does"],
    ['{"data":[{"x":1}]', "ends before its object does"],
    ['{"data":[]}', 'is empty: its list "data" has no entry'],
    ['{"data":[1]}', "has an entry 1 that is not a JSON object"],
    ['{"data":[{} {}]}', "lacks a comma before entry 2"],
    ['{"data":[{},,{}]}', "has an entry 2 that is not a JSON object"],
    ['{"data":[{},]}', "has an entry 2 that is not a JSON object"],
    ['{"data":[{"a":1,"a":2}]}', 'entry 1 of f has the key "a" twice'],
    ['{"b":1,"b":2,"data":[{}]}', 'f has the key "b" twice'],
    ['{"data":[{}],"data":[{}]}', 'f has the key "data" twice'],
    ['{"b" 1,"data":[{}]}', "f is not valid JSON"],
    ['{"data":[{}]} x', "continues after the end of its object"],
    ["[1]", "must be a JSON object with a list"],
  ])("refuses %s", (text, message) => {
    expect(() => read(text)).toThrow(message);
  });

  it("keeps to its limits", () => {
    expect(() => read('{"data":[{"x":"123456789"}]}', { maxLineBytes: 9 })).toThrow("an entry 1 of more than 9 bytes");
    expect(() => read('{"data":[{},{},{}]}', { maxLines: 2 })).toThrow("more than 2 entries");
    const long = `{"a":"${"x".repeat(5 << 20)}","data":[{}]}`;
    expect(() => read(long, {}, 1 << 16)).toThrow('more than 4194304 bytes beside the list "data"');
  });
});
