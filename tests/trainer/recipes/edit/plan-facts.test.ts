import { expect, it } from "vitest";
import { EditSettings } from "../../../../shared/api/edit-settings.ts";
import { planFacts } from "../../../../trainer/recipes/edit/plan-facts.ts";

it.each([
  ["auto", [3], 0, "rome"],
  ["auto", [3, 4], 0, "memit"],
  ["auto", [3, 4], 1, "memit"],
  ["alphaedit", [3, 4], 1, "alphaedit"],
  ["rome", [3], 1, "rome"],
] as const)(
  "takes for one fact by %s on the layers %j, with %i earlier edits, %s",
  (method, layers, earlier, taken) => {
    const settings = EditSettings.parse({ method, options: { batch_size: 1 } });
    expect(planFacts(settings, { facts: 1, earlier, layers })).toMatchObject({ method: taken });
  },
);
