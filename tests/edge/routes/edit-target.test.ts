import { expect, it } from "vitest";
import { checkEditMethod, editTarget, servedOptions } from "../../../edge/routes/edit-target.ts";
import { EDIT_OPTION_DEFAULTS, EditSettings } from "../../../shared/api/edit-settings.ts";
import { encodeCanonical } from "../../../shared/delta/serving-file.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { parseModelConfig } from "../../../shared/model/config.ts";
import { zeros } from "../../../shared/tensor.ts";
import { TINY_CONFIG, tinyDelta } from "../support/tiny-base.ts";

const config = parseModelConfig(TINY_CONFIG);
const HEAP = 96 * 1024 * 1024;

/** A tenant whose model stands on a delta of that rank, and the bucket that it lies in. */
async function stacked(rank: number) {
  const a = zeros([config.ffnSize, rank]);
  const serving = encodeCanonical({
    linears: new Map([["layers.0.mlp.down_proj", { a, b: zeros([rank, config.hiddenSize]) }]]),
    bottlenecks: new Map(),
  });
  const { folder } = await tinyDelta("0".repeat(64));
  folder.set("serving.safetensors", serving);
  const files = await Promise.all(
    [...folder].map(async ([name, bytes]) => ({ name, bytes: bytes.length, sha256: await sha256Hex(bytes) })),
  );
  const base = { id: "b", digest: "0".repeat(64), prefix: "", files: [], config: TINY_CONFIG };
  const stack = [{ artefact: "delta-1", weight: 1 }];
  const tenant = { edits: { context: async () => ({ base, stack, folders: [{ digest: "d", prefix: "", files }] }) } };
  const blobs = { get: async (key: string) => ({ arrayBuffer: async () => folder.get(key)!.slice().buffer }) };
  return editTarget(tenant as never, { blobs: blobs as never, heapLimitBytes: HEAP }, { model: "m" });
}

it("leaves an edit the rank that the deltas beneath it do not take, and refuses where there is none", async () => {
  const [one, five] = [await stacked(1), await stacked(5)];
  expect(one.rank - five.rank).toBe(4);
  await expect(stacked(one.rank + 1)).rejects.toMatchObject({ code: "invalid_request", param: "deltas" });
  expect(servedOptions(EDIT_OPTION_DEFAULTS, one).rank).toBe(one.rank);
  expect(servedOptions({ ...EDIT_OPTION_DEFAULTS, rank: 2 }, one).rank).toBe(2);
  expect(() => servedOptions({ ...EDIT_OPTION_DEFAULTS, rank: one.rank + 1 }, one)).toThrow(
    expect.objectContaining({ param: "options.rank" }),
  );
});

it("names the fields of an edit's request", () => {
  const settings = EditSettings.parse({ options: { layers: 7 } });
  expect(() => checkEditMethod({ type: "edit", edit: settings }, config)).toThrow(
    expect.objectContaining({
      param: "options.layers",
      message: expect.stringMatching(/^`options\.layers` names layer 7/),
    }),
  );
});
