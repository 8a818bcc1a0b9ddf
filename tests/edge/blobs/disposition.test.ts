import { describe, expect, it } from "vitest";
import { attachment, disposition } from "../../../edge/blobs/disposition.ts";

const of = (parameters: string) =>
  disposition(`Content-Type: text/plain\r\nContent-Disposition: form-data; ${parameters}`);

/** Client, what it sends, the file's name. */
const NAMES: readonly (readonly [client: string, sent: string, name: string])[] = [
  ["a browser", 'name="file"; filename="train.jsonl"', "train.jsonl"],
  ["a browser, of quotes and line breaks", 'name="file"; filename="a %22b%22%0D%0A.jsonl"', 'a "b"\r\n.jsonl'],
  ["a browser, of a backslash", 'name="file"; filename="a\\b.jsonl"', "a\\b.jsonl"],
  ["a browser, of per cent signs", 'name="file"; filename="100%25 %20 5%.jsonl"', "100%25 %20 5%.jsonl"],
  ["a browser, of other alphabets", 'name="file"; filename="обучение 训练.jsonl"', "обучение 训练.jsonl"],
  ["a browser, of a semicolon", 'name="file"; filename="a; filename=b.jsonl"', "a; filename=b.jsonl"],
  ["a browser, of a folder", 'name="file"; filename="data/sub/train.jsonl"', "train.jsonl"],
  ["an old browser", 'name="file"; filename="C:\\new\\train.jsonl"', "train.jsonl"],
  ["an old browser, of a share", 'name="file"; filename="\\\\\\\\host\\\\data\\\\train.jsonl"', "train.jsonl"],
  ["older curl", 'name="file"; filename="a \\"b\\" \\\\ c.jsonl"', 'a "b" \\ c.jsonl'],
  ["httpx", 'name="file"; filename="a %22b%22 \\\\ c.jsonl"', 'a "b" \\ c.jsonl'],
  ["requests", "name=\"file\"; filename*=utf-8''na%C3%AFve%20%22x%22.jsonl", 'naïve "x".jsonl'],
  [".NET", "name=file; filename=train.jsonl; filename*=utf-8''train.jsonl", "train.jsonl"],
  [".NET, of other alphabets", "name=file; filename=\"=?utf-8?B?4oKs?=\"; filename*=utf-8''%E2%82%AC.jsonl", "€.jsonl"],
  [
    "a client that names a language",
    "name=file; filename*=UTF-8'en'%e2%82%ac%20rates.jsonl; filename=x",
    "€ rates.jsonl",
  ],
  ["a client that quotes both", 'name="file"; filename*="UTF-8\'\'a%2Fb.jsonl"', "b.jsonl"],
  ["a client of Latin letters", "name=file; filename*=iso-8859-1''%E9t%E9.jsonl", "été.jsonl"],
  ["a client with spaces about", 'name = "file" ; filename = "train.jsonl"', "train.jsonl"],
];

describe("a file's name", () => {
  it.each(NAMES)("is read as %s sends it", (_, sent, name) => {
    expect(of(sent)).toEqual({ name: "file", filename: name });
  });

  it.each(["utf-8''%zz.jsonl", "utf-8''%E2%82", "koi8-r''%C1", "nonsense", "utf-8''"])(
    "is the plain one where the extended one is %s",
    (extended) => {
      expect(of(`name=file; filename=plain.jsonl; filename*=${extended}`).filename).toBe("plain.jsonl");
    },
  );

  it.each(["..", ".", "a/", "a/..", "C:\\"])("is empty where %j is all that there is", (path) => {
    expect(of(`name=file; filename="${path.replaceAll("\\", "\\\\")}"`).filename).toBe("");
  });
});

it("a download gives a name back as it came", () => {
  for (const name of ["train.jsonl", "обучение 训练.jsonl", `a "b" 'c' (d)*; 5%.jsonl`, "a\\b.jsonl", "a\r\nb"]) {
    const header = attachment(name);
    expect(header).toMatch(/^[\x20-\x7e]+$/);
    expect(of(header).filename).toBe(name);
  }
  expect(attachment("a b.jsonl")).toBe("attachment; filename=\"a_b.jsonl\"; filename*=UTF-8''a%20b.jsonl");
});

it("a part may have neither name", () => {
  expect(of("x=y")).toEqual({ name: null, filename: null });
  expect(disposition("")).toEqual({ name: null, filename: null });
});

it("a field's name is unquoted as a file's is, and of two the first counts", () => {
  expect(of('name="a %22b%22 50%25"; NAME=c')).toEqual({ name: 'a "b" 50%25', filename: null });
});
