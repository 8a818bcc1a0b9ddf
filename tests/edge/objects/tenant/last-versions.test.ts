import { expect, it } from "vitest";
import { keepLastVersion, lastVersion } from "../../../../edge/objects/tenant/last-versions.ts";
import { withTenant } from "../../support/tenant-database.ts";

it("remembers the newest version of each name of each kind", () =>
  withTenant((db) => {
    expect(lastVersion(db, "preset", "calm")).toBe(0);
    keepLastVersion(db, "preset", { id: "calm", version: 2 });
    keepLastVersion(db, "preset", { id: "calm", version: 5 });
    expect(lastVersion(db, "preset", "calm")).toBe(5);
    expect([lastVersion(db, "preset", "cal"), lastVersion(db, "constitution", "calm")]).toEqual([0, 0]);
  }));
