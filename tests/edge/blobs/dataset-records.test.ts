import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { datasetRecords } from "../../../edge/blobs/dataset-records.ts";

async function records(text: string, whole = false) {
  const bytes = new TextEncoder().encode(text);
  await env.BLOBS.put("records", bytes);
  const found = [];
  for await (const record of datasetRecords(env.BLOBS, {
    key: "records",
    bytes: bytes.byteLength,
    name: "it",
    whole,
  })) {
    found.push(record);
  }
  return found;
}

it("gives every record with its place, in the file's own unit", async () => {
  expect(await records('{"a":1}\n\n{"a":2}\n')).toEqual([
    { value: { a: 1 }, place: { number: 1, unit: "line", file: "it" } },
    { value: { a: 2 }, place: { number: 3, unit: "line", file: "it" } },
  ]);
  expect((await records('[{"a":1},{"a":2}]')).map(({ place }) => [place.number, place.unit])).toEqual([
    [1, "entry"],
    [2, "entry"],
  ]);
});

it("passes over a first record of metadata, unless records are any objects", async () => {
  const lines = '{"type":"metadata"}\n{"a":1}\n';
  expect(await records(lines)).toHaveLength(1);
  expect(await records(lines, true)).toHaveLength(2);
});

it("throws where a record is broken, and where the bytes are gone", async () => {
  await expect(records('{"a":1}\n{')).rejects.toMatchObject({ code: "invalid_file" });
  const missing = datasetRecords(env.BLOBS, { key: "nothing", bytes: 1, name: "it" });
  await expect(missing.next()).rejects.toMatchObject({ code: "corrupt_blob" });
});
