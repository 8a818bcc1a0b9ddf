import { describe, expect, it } from "vitest";
import { ARTEFACT_KIND_NAMES, ARTEFACT_KINDS } from "../../../shared/api/artefact-kinds/registry.ts";
import { checkFileList, checkFileName, folderDigest, type StoredFile } from "../../../shared/api/artefacts.ts";

const file = (name: string): StoredFile => ({ name, bytes: 1, sha256: "0".repeat(64) });

describe("checkFileName", () => {
  it.each(["pytorch_model.bin", "model.pt", "weights.pkl"])("refuses %s because pickles run code", (name) => {
    expect(() => checkFileName("model", name, "name")).toThrow(/pickled weights can run code/);
  });

  it.each(["../config.json", "/etc/passwd", "a/config.json", "config.json ", "modeling.py", ""])(
    "refuses %j",
    (name) => {
      expect(() => checkFileName("model", name, "name")).toThrow(/not allowed/);
    },
  );

  it("knows each kind's own files", () => {
    checkFileName("delta", "adapter_model.safetensors", "name");
    expect(() => checkFileName("delta", "model.safetensors", "name")).toThrow(/not allowed/);
  });
});

describe("checkFileList", () => {
  it.each(ARTEFACT_KIND_NAMES)("refuses a %s with a file twice, or without one that it needs", (kind) => {
    const { requiredFiles } = ARTEFACT_KINDS[kind];
    const [first, ...others] = requiredFiles;
    const refusal = (message: string, param: string) =>
      expect.objectContaining({ code: "invalid_request", param, message: expect.stringContaining(message) });
    expect(() => checkFileList(kind, [first!, first!].map(file), "files")).toThrow(
      refusal(`${first} is listed twice`, "files[1].name"),
    );
    expect(() => checkFileList(kind, others.map(file), "files")).toThrow(
      refusal(`The ${kind} lacks ${first}`, "files"),
    );
  });
});

describe("folderDigest", () => {
  it("depends on names, sizes and contents, and not on their order", async () => {
    const [a, b] = [file("a"), file("b")];
    const digest = await folderDigest([a, b]);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect(await folderDigest([b, a])).toBe(digest);
    for (const change of [{ name: "c" }, { bytes: 2 }, { sha256: "1".repeat(64) }]) {
      expect(await folderDigest([a, { ...b, ...change }])).not.toBe(digest);
    }
  });

  it("leaves out a base's probes, so that deltas fit the base with and without them", async () => {
    const [a, b] = [file("config.json"), file("evaluation.json")];
    expect(await folderDigest([a, b])).toBe(await folderDigest([a]));
    expect(await folderDigest([a, file("README.md")])).not.toBe(await folderDigest([a]));
  });
});
