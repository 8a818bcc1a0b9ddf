import { env } from "cloudflare:test";
import { expect, it } from "vitest";
import { baseAccess } from "../../../edge/blobs/base-access.ts";
import { tokenizerDigest } from "../../../shared/model/tokenizer.ts";
import { storeFolder } from "../support/stored-folder.ts";
import { TINY_CONFIG, tinyBase } from "../support/tiny-base.ts";

it("gives the shapes, the tokenizer's digest and single weights of a stored base", async () => {
  const folder = tinyBase();
  const stored = await storeFolder(folder);
  const access = await baseAccess(env.BLOBS, { ...stored, config: TINY_CONFIG });
  expect(access.config).toMatchObject({ hiddenSize: 16, layers: 2 });
  expect(access.digest).toBe(stored.digest);
  const tokenizer = JSON.parse(new TextDecoder().decode(folder.get("tokenizer.json"))) as unknown;
  expect(access.tokenizerDigest).toBe(await tokenizerDigest(tokenizer));
  expect((await access.weight("model.norm.weight")).shape).toEqual([16]);
});
