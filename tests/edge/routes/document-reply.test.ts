import { expect, it } from "vitest";
import { Api } from "../support/api.ts";

const get = (headers: Record<string, string> = {}) => new Api().send("GET", "/openapi.json", { headers });

it("is the same document with the same tag each time, and is not sent to who has it", async () => {
  const [first, second] = [await get(), await get()];
  const etag = first.headers.get("etag")!;
  expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
  expect([first.status, second.headers.get("etag")]).toEqual([200, etag]);
  expect(await first.text()).toBe(await second.text());
  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
    const reply = await get({ "if-none-match": known });
    expect([reply.status, await reply.text()], known).toEqual([304, ""]);
  }
  expect((await get({ "if-none-match": '"other"' })).status).toBe(200);
});
