import { describe, expect, it } from "vitest";
import { parseVersionedName, versionedName, versionedReference } from "../../../shared/api/versioned-names.ts";

const NAMES = { what: "a thing", length: 8, example: "calm" };
const name = versionedName(NAMES);
const reference = versionedReference(NAMES);

describe("a name with versions", () => {
  it.each(["calm", "a", "a.b-c_d", "calm8888"])("may be %s, which means the newest version", (text) => {
    expect(name.safeParse(text).success).toBe(true);
    expect(reference.safeParse(text).success).toBe(true);
    expect(parseVersionedName(text, NAMES)).toEqual({ name: text, version: null });
  });

  it("may pin a version", () => {
    expect(name.safeParse("calm@3").success).toBe(false);
    expect(parseVersionedName("calm@3", NAMES)).toEqual({ name: "calm", version: 3 });
  });

  it.each(["", ".calm", "calm-", "ca lm", "calm@", "calm@0", "calm@03", "calm@1@2", "calm@1234567890", "calm89999"])(
    "must not be %s",
    (text) => {
      expect(parseVersionedName(text, NAMES)).toBeUndefined();
      expect(name.safeParse(text).success).toBe(false);
    },
  );

  it("says what it must be", () => {
    expect(reference.safeParse("no name").error?.issues[0]?.message).toBe(
      "must be the name of a thing, or its name and a version, such as `calm@3`",
    );
  });
});
