import { expect, it } from "vitest";
import type { Database } from "../../../../edge/objects/database.ts";
import {
  dropExpired,
  keep,
  keepMetadata,
  nextExpiry,
  requireKept,
} from "../../../../edge/objects/tenant/kept-completion-rows.ts";
import type { KeptCompletion } from "../../../../shared/api/kept-completions.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

const kept = (id: string, fields: Partial<KeptCompletion> = {}): KeptCompletion => ({
  id,
  kind: "chat",
  created: 1_000,
  prompts: [{ messages: [{ role: "user", content: "hi" }] }],
  perPrompt: 1,
  choices: [{ index: 0, message: { role: "assistant", content: "ahoy" } }],
  made: {
    model: "base",
    base: { id: "base", digest: "d" },
    weights: null,
    deltas: [],
    applied: [],
    sampling: { temperature: 1, top_p: 1, seed: null, max_tokens: null },
  },
  metadata: {},
  reply: {},
  ...fields,
});

const ids = (db: Database) => db.all<{ id: string }>("SELECT id FROM kept_completions ORDER BY n").map(({ id }) => id);

it("the oldest make room, by number and by length", () =>
  withTenant((db) => {
    for (const id of ["a", "b", "c"]) keep(db, kept(id), { completions: 2, bytes: 1e9 });
    expect(ids(db)).toEqual(["b", "c"]);
    const { length } = requireKept(db, "c", "x");
    keep(db, kept("d"), { completions: 9, bytes: 2 * length });
    expect(ids(db)).toEqual(["c", "d"]);
    keep(db, kept("e"), { completions: 9, bytes: 1 });
    expect(ids(db)).toEqual(["e"]);
  }));

it("one that is too long is refused, and nothing is dropped for it", () =>
  withTenant((db) => {
    keep(db, kept("a"));
    const long = kept("b", { prompts: [{ text: "é".repeat(LIMITS.keptCompletion / 2) }] });
    expect(() => keep(db, long)).toThrow(expect.objectContaining({ code: "payload_too_large", param: "store" }));
    expect(ids(db)).toEqual(["a"]);
  }));

it("new metadata counts to what a completion comes to, and may be too long", () =>
  withTenant((db) => {
    keep(db, kept("a"));
    const before = requireKept(db, "a", "x");
    const changed = keepMetadata(db, before, { page: "é" });
    expect(requireKept(db, "a", "x")).toEqual(changed);
    expect(changed.length).toBe(before.length + new TextEncoder().encode('"page":"é"').byteLength);
    const full = kept("b", {
      prompts: [{ messages: [{ role: "user", content: "x".repeat(LIMITS.keptCompletion - before.length + 2) }] }],
    });
    keep(db, full);
    const row = requireKept(db, "b", "x");
    expect(() => keepMetadata(db, row, { page: "home" })).toThrow(
      expect.objectContaining({ code: "payload_too_large", param: "metadata" }),
    );
    expect(requireKept(db, "b", "x")).toEqual(row);
  }));

it("each is dropped when its time is over", () =>
  withTenant((db) => {
    expect(nextExpiry(db)).toBeNull();
    keep(db, kept("a"));
    keep(db, kept("b", { created: 2_000 }));
    const due = nextExpiry(db)!;
    expect(due).toBe((1_000 + LIMITS.keptCompletionDays * 86_400) * 1000);
    dropExpired(db, due - 1000);
    expect(ids(db)).toEqual(["a", "b"]);
    dropExpired(db, due);
    expect(ids(db)).toEqual(["b"]);
    expect(() => requireKept(db, "a", "completion_id")).toThrow(expect.objectContaining({ code: "not_found" }));
  }));
