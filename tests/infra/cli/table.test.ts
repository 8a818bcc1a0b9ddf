import { expect, it } from "vitest";
import { table } from "../../../infra/cli/table.ts";

it("pads columns to their widest cell", () => {
  const text = table(
    ["name", "n"],
    [
      ["a", "10"],
      ["longer", "2"],
    ],
    { right: [1] },
  );
  expect(text).toBe("name     n\n------  --\na       10\nlonger   2");
});
