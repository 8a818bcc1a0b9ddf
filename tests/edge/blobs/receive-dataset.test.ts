import { env } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import { receiveDataset } from "../../../edge/blobs/receive-dataset.ts";
import { CHAT_LINES } from "../support/api.ts";
import { chunked } from "../support/streams.ts";

const completion = { prompt: "a", completion: "b" };

function form(lines: readonly unknown[], size = 100): { body: ReadableStream<Uint8Array>; boundary: string } {
  const text = lines.map((line) => JSON.stringify(line)).join("\n");
  const body = `--b\r\ncontent-disposition: form-data; name="file"; filename="x.jsonl"\r\n\r\n${text}\r\n--b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n--b--\r\n`;
  return { body: chunked(new TextEncoder().encode(body), size), boundary: "b" };
}

describe("receiveDataset", () => {
  it("says what the lines are and how many can be learned from", async () => {
    const [user, assistant] = CHAT_LINES[0]?.messages ?? [];
    const lines = [
      ...CHAT_LINES,
      { messages: [user, { ...assistant, weight: 0 }] },
      { messages: [user] },
      { messages: [user, { role: "assistant", content: "" }] },
    ];
    expect(await receiveDataset(form(lines, 7), env.BLOBS, "dataset/a")).toMatchObject({
      filename: "x.jsonl",
      format: "chat",
      lines: 5,
      trainable: 2,
    });
    expect(await env.BLOBS.head("dataset/a")).not.toBeNull();
  });

  it("knows mixtures", async () => {
    expect(await receiveDataset(form([completion]), env.BLOBS, "dataset/b")).toMatchObject({
      format: "completion",
      trainable: 1,
    });
    expect(await receiveDataset(form([completion, ...CHAT_LINES]), env.BLOBS, "dataset/c")).toMatchObject({
      format: "mixed",
    });
  });

  it("keeps nothing of what is wrong, at its end too", async () => {
    const good = Array.from({ length: 50 }, () => completion);
    await expect(receiveDataset(form([...good, {}]), env.BLOBS, "dataset/d")).rejects.toMatchObject({
      code: "invalid_file",
      param: "file",
      data: { line: 51 },
    });
    expect(await env.BLOBS.head("dataset/d")).toBeNull();
  });
});
