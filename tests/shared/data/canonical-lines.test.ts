import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { canonicalLines } from "../../../shared/data/canonical-lines.ts";
import { parseTrainingFile } from "../../../shared/data/training-lines.ts";

const GOLDEN = join(import.meta.dirname, "../../golden/datasets");
const golden = (name: string) => new Uint8Array(readFileSync(join(GOLDEN, name)));
const examples = async (name: string) =>
  [...parseTrainingFile(await canonicalLines(golden(name), name))].map(({ example }) => example);

test("JSON Lines come back as they are, byte for byte", async () => {
  const bytes = new TextEncoder().encode('\ufeff{"prompt":"p","completion":"c"}\r\n\r\n');
  expect(await canonicalLines(bytes, "d")).toBe(bytes);
});

test.each(["pairs.csv", "pairs-index.csv", "pairs.tsv", "pairs.csv.gz", "pairs-pretty.json", "members.jsonl.gz"])(
  "%s holds the same examples as the plain list",
  async (name) => {
    const plain = await examples("pairs.json");
    expect(plain).toHaveLength(3);
    expect(await examples(name)).toEqual(plain);
  },
);

test.each(["none", "snappy", "gzip", "zstd", "groups"])(
  "Parquet (%s) holds the same chats as JSON Lines",
  async (name) => {
    expect(await examples(`chats-${name}.parquet`)).toEqual(await examples("chats.jsonl"));
  },
);
