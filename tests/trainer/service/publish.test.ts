import { expect, it } from "vitest";
import { folderDigest } from "../../../shared/api/artefacts.ts";
import { sha256Hex } from "../../../shared/formats/digest.ts";
import { storeFolder } from "../../../trainer/service/publish.ts";

it("stores every file under the folder's digest and lists them", async () => {
  const files = new Map([
    ["adapter_config.json", Uint8Array.of(1)],
    ["manifest.json", Uint8Array.of(2, 3)],
  ]);
  const stored: string[] = [];
  const result = await storeFolder(
    {
      uploadFile: async ({ kind, digest }, { name, bytes, sha256 }) => {
        expect(sha256).toBe(await sha256Hex(bytes));
        stored.push(`${kind}/${digest}/${name}`);
      },
    },
    { kind: "delta", files },
  );
  expect(result.files).toEqual([
    { name: "adapter_config.json", bytes: 1, sha256: await sha256Hex(Uint8Array.of(1)) },
    { name: "manifest.json", bytes: 2, sha256: await sha256Hex(Uint8Array.of(2, 3)) },
  ]);
  expect(result.digest).toBe(await folderDigest(result.files));
  expect(stored).toEqual(result.files.map(({ name }) => `delta/${result.digest}/${name}`));
});
