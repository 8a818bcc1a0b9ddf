import { expect, it } from "vitest";
import { addUsage, usageByDay } from "../../../../edge/objects/tenant/usage.ts";
import { withTenant } from "../../support/tenant-database.ts";

it("use is added up by day, newest first", () =>
  withTenant((db) => {
    const day = 24 * 3_600_000;
    addUsage(db, { requests: 1, promptTokens: 5, completionTokens: 2 }, day);
    addUsage(db, { requests: 1, promptTokens: 1 }, day + 1);
    addUsage(db, { trainedTokens: 9 }, 2 * day);
    expect(usageByDay(db)).toEqual([
      { day: "1970-01-03", requests: 0, prompt_tokens: 0, completion_tokens: 0, trained_tokens: 9 },
      { day: "1970-01-02", requests: 2, prompt_tokens: 6, completion_tokens: 2, trained_tokens: 0 },
    ]);
  }));
