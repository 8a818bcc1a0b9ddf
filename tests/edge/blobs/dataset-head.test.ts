import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { datasetHead } from "../../../edge/blobs/dataset-head.ts";
import type { DatasetKindName } from "../../../shared/data/dataset-kinds/registry.ts";

const lines = ["one", "two", "three"].map((word) => JSON.stringify({ prompt: word, completion: "x" }));

async function head(text: string, maxBytes: number, kind: DatasetKindName = "examples") {
  const body = new TextEncoder().encode(text);
  await env.BLOBS.put("head", body);
  const read = await datasetHead(env.BLOBS, { key: "head", bytes: body.byteLength, name: "a.jsonl", kind }, maxBytes);
  const found = [...read.lines].flatMap(({ line, examples }) =>
    examples.map((example) => [line, example.kind === "completion" && (example.prompt || example.completion)]),
  );
  return { found, whole: read.whole };
}

describe("datasetHead", () => {
  it("is the whole of a small file, its last line included", async () => {
    const all = [
      [1, "one"],
      [2, "two"],
      [3, "three"],
    ];
    expect(await head(lines.join("\n"), 1000)).toEqual({ found: all, whole: true });
    expect(await head(`${lines.join("\n")}\n`, 1000)).toEqual({ found: all, whole: true });
  });

  it("is the first records of every form, without what describes the file", async () => {
    const all = [
      [expect.any(Number), "one"],
      [expect.any(Number), "two"],
      [expect.any(Number), "three"],
    ];
    const table = `prompt,completion\n${["one", "two", "three"].map((word) => `${word},x`).join("\n")}\n`;
    for (const text of [`[${lines.join(",\n")}]`, table, `{"type":"metadata"}\n${lines.join("\n")}`]) {
      expect(await head(text, 1000)).toEqual({ found: all, whole: true });
    }
    expect(await head(table, 24)).toEqual({ found: [[1, "one"]], whole: false });
  });

  it("is the complete lines at the beginning of a large one", async () => {
    const bytes = lines[0]!.length + 1 + lines[1]!.length;
    expect(await head(lines.join("\n"), bytes)).toEqual({ found: [[1, "one"]], whole: false });
    expect(await head(lines.join("\n"), bytes + 1)).toMatchObject({
      found: [[1], [2]].map(([n]) => [n, expect.anything()]),
    });
    expect(await head(lines.join("\n"), 3)).toEqual({ found: [], whole: false });
  });

  it("reads each kind's records as examples", async () => {
    const pair = JSON.stringify({ positive: "yes", negative: "no" });
    expect((await head(pair, 1000, "contrast_pairs")).found).toEqual([
      [1, "yes"],
      [1, "no"],
    ]);
    const text = JSON.stringify({ text: "good", label: 1 });
    expect((await head(text, 1000, "labelled_texts")).found).toEqual([[1, "good"]]);
  });

  it("names the bad line, and a file whose bytes are gone", async () => {
    await expect(head(`${lines[0]}\n{"a": 1}\n`, 1000)).rejects.toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining("line 2 of a.jsonl"),
    });
    const missing = { key: "nowhere", bytes: 1, name: "a.jsonl", kind: "examples" } as const;
    await expect(datasetHead(env.BLOBS, missing, 10)).rejects.toMatchObject({ code: "corrupt_blob" });
  });
});
