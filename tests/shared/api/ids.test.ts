import { describe, expect, it } from "vitest";
import {
  BaseId,
  checkpointName,
  Digest,
  fineTunedName,
  formatKey,
  newId,
  newSecret,
  parseKey,
  type RandomBytes,
  randomText,
  TenantId,
} from "../../../shared/api/ids.ts";

/** Counts up from `start`. */
function counting(start = 0): RandomBytes {
  let next = start;
  return (bytes) => bytes.map(() => next++ % 256);
}

describe("ids", () => {
  it("are a prefix and letters and digits", () => {
    expect(newId("job", counting())).toBe("ftjob-0123456789ABCDEFGHIJKLMN");
    expect(newSecret(counting())).toHaveLength(43);
  });

  it("leave out bytes that would make some characters likelier", () => {
    expect(randomText(3, counting(246))).toBe("yz0".replace("yz", "y" + "z"));
    const counts = new Map<string, number>();
    for (const letter of randomText(248 * 4, counting())) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(new Set(counts.values())).toEqual(new Set([16]));
  });
});

describe("API keys", () => {
  it("carry their tenant", () => {
    const secret = newSecret(counting());
    expect(parseKey(formatKey("acme-1", secret))).toEqual({ tenant: "acme-1", secret });
  });

  it.each([
    "",
    "sk-123",
    "tt_acme_short",
    `tt_Acme_${"0".repeat(43)}`,
    `tt_a_b_${"0".repeat(43)}`,
    `tt_acme_${"0".repeat(44)}`,
  ])("are not %j", (key) => expect(parseKey(key)).toBeUndefined());
});

describe("names", () => {
  const job = "ftjob-0123456789ABCDEFGHIJKLMN";

  it("of fine-tuned models say where they come from", () => {
    const name = fineTunedName({ base: "base", tenant: "acme", suffix: "s", id: job });
    expect(name).toBe("ft:base:acme:s:01234567");
    expect(fineTunedName({ base: "base", tenant: "acme", suffix: null, id: job })).toBe("ft:base:acme::01234567");
    const digest = "0123456789abcdef".repeat(4);
    expect(fineTunedName({ base: "b", tenant: "t", suffix: "s", id: digest })).toBe("ft:b:t:s:0123456789ab");
    expect(checkpointName(name, 7)).toBe("ft:base:acme:s:01234567:ckpt-step-7");
    expect(() => fineTunedName({ base: "b", tenant: "t", suffix: null, id: "x" })).toThrow(
      "`x` is too short to be an id",
    );
  });

  it("keep to their alphabets", () => {
    expect(["demo", "a", "a-1"].every((id) => TenantId.safeParse(id).success)).toBe(true);
    expect(["", "A", "a_b", "-a", "a-", "a:b"].some((id) => TenantId.safeParse(id).success)).toBe(false);
    expect(["base", "Qwen/Qwen3-0.6B", "a.b_c"].every((id) => BaseId.safeParse(id).success)).toBe(true);
    expect(["", "a:b", "a/b/c", "/a", "a/", "..", "a..b", "ft:a"].some((id) => BaseId.safeParse(id).success)).toBe(
      false,
    );
    expect(Digest.safeParse("A".repeat(64)).success).toBe(false);
  });
});
