import { expect, it } from "vitest";
import { addScorer, changeScorer, findScorer, shownScorer } from "../../../../edge/objects/tenant/scorer-rows.ts";
import { LIMITS } from "../../../../shared/limits.ts";
import { withTenant } from "../../support/tenant-database.ts";

const url = "https://scores.trimtab.dev/";

it("what is left out of a change stays, and null takes away", () =>
  withTenant((db) => {
    addScorer(db, { name: "judge", url, secret: "s".repeat(16), description: "strict" }, 1_000);
    const moved = changeScorer(db, "judge", { url: `${url}v2` }, 2_000);
    expect(moved).toMatchObject({ url: `${url}v2`, secret: "s".repeat(16), description: "strict", updated_at: 2 });
    expect(changeScorer(db, "judge", { secret: null, description: null }, 3_000)).toMatchObject({
      secret: null,
      description: null,
    });
  }));

it("the secret is not shown", () =>
  withTenant((db) => {
    const row = addScorer(db, { name: "judge", url, secret: "s".repeat(16) }, 1_000);
    expect(JSON.stringify(shownScorer(row))).not.toContain("ssss");
    expect(shownScorer(row).has_secret).toBe(true);
  }));

it("a tenant may have only so many", () =>
  withTenant((db) => {
    for (let n = 0; n < LIMITS.scorersPerTenant; n++) addScorer(db, { name: `s${n}`, url }, 0);
    expect(() => addScorer(db, { name: "more", url }, 0)).toThrow(`at most ${LIMITS.scorersPerTenant} scorers`);
    expect(findScorer(db, "more")).toBeUndefined();
  }));
