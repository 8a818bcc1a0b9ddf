import { describe, expect, test } from "vitest";
import { encodeManifest, type Manifest, parseManifest, requireBase } from "../../../shared/delta/manifest.ts";

const digest = (letter: string) => letter.repeat(64);
const manifest: Manifest = {
  format: "trimtab.delta/1",
  base_model: "trimtab-base",
  base_digest: digest("a"),
  tokenizer_digest: digest("b"),
  methods: ["lora"],
  data_digests: [digest("c")],
  metrics: { train_loss: 1.5 },
  parents: [],
  trainable_parameters: 1000,
  created_at: 1_790_000_000,
  digest: digest("d"),
};
const encode = (value: object) => new TextEncoder().encode(JSON.stringify(value));

describe("the manifest", () => {
  test("survives a round trip", () => {
    expect(parseManifest(encodeManifest(manifest))).toEqual(manifest);
    const merge: Manifest["merge"] = {
      method: "ties",
      weights: [1, -0.5],
      density: 0.2,
      majority_sign_method: "total",
    };
    const merged: Manifest = { ...manifest, parents: [digest("e"), digest("f")], merge };
    expect(parseManifest(encodeManifest(merged))).toEqual(merged);
  });

  test.each<[object, string]>([
    [{ ...manifest, format: "trimtab.delta/2" }, 'manifest.json: format must be "trimtab.delta/1"'],
    [{ ...manifest, owner: "me" }, "manifest.json: owner is an unknown field; remove it"],
    [{ ...manifest, base_digest: "x" }, "manifest.json: base_digest must be a SHA-256 digest"],
    [{ ...manifest, methods: ["Magic!"] }, "manifest.json: methods[0] must match"],
    [{ ...manifest, metrics: { loss: "low" } }, "manifest.json: metrics.loss must be a number"],
    [{ ...manifest, merge: { method: "ties" } }, "manifest.json: merge.weights is required"],
    [{ ...manifest, created_at: -1 }, "manifest.json: created_at must be at least 0"],
  ])("refuses %j", (value, message) => {
    expect(() => parseManifest(encode(value))).toThrow(message);
    expect(() => parseManifest(encode(value))).toThrow(expect.objectContaining({ code: "invalid_delta" }));
  });

  test("is not written if it could not be read", () => {
    expect(() => encodeManifest({ ...manifest, digest: "" })).toThrow(
      expect.objectContaining({ code: "internal_error" }),
    );
  });

  test("belongs to one base and one tokenizer", () => {
    const base = { digest: digest("a"), tokenizerDigest: digest("b") };
    expect(() => requireBase(manifest, base)).not.toThrow();
    expect(() => requireBase(manifest, { ...base, digest: digest("e") })).toThrow(
      "the delta was made for trimtab-base with base model digest aaaaaaaaaaaa…, but this base model has digest eeeeeeeeeeee…",
    );
    expect(() => requireBase(manifest, { ...base, tokenizerDigest: digest("e") })).toThrow(
      "with tokenizer digest bbbbbbbbbbbb…",
    );
  });
});
