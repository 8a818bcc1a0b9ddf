import { describe, expect, it } from "vitest";
import { KindCheck } from "../../../../shared/data/dataset-kinds/kind-check.ts";
import { unpairedPreferences } from "../../../../shared/data/dataset-kinds/unpaired-preferences.ts";

const place = (number: number) => ({ number, unit: "line", file: "k" }) as const;
const line = (label: unknown) => ({ prompt: "a", completion: "b", label });

describe("unpairedPreferences", () => {
  it("shows the completion behind its prompt", () => {
    expect(unpairedPreferences.read({ ...line(false), id: 1 }, place(1))).toEqual({
      examples: [{ kind: "completion", prompt: "a", completion: "b" }],
      ...{ layout: "completion and label", ignored: ["id"], trainable: true, group: "false" },
    });
  });

  it("is what a file of both labels is recognised as", () => {
    const kinds = new KindCheck();
    kinds.add(line(true), place(1));
    kinds.add(line(false), place(2));
    expect(kinds.end().kinds).toEqual(["unpaired_preferences"]);
  });

  it("refuses a file of one label", () => {
    const kinds = new KindCheck();
    kinds.add(line(true), place(1));
    kinds.add(line(true), place(2));
    expect(() => kinds.end()).toThrow("every line of the file has the label true");
  });
});
