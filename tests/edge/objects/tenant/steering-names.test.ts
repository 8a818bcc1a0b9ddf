import { expect, it } from "vitest";
import { requireBases } from "../../../../edge/objects/tenant/steering-names.ts";

const names = ["small", "large", "small"].map((name, index) => ({
  path: `experts[${index}].id`,
  name,
  of: "model" as const,
}));

it("asks for each name once, and refuses the first that is no base", async () => {
  const asked: string[] = [];
  const isBase = async (name: string) => {
    asked.push(name);
    return name === "small";
  };
  await expect(requireBases(names, isBase, { param: "steering" })).rejects.toMatchObject({
    code: "model_not_found",
    param: "steering.experts[1].id",
  });
  expect(asked).toEqual(["small", "large"]);
  await requireBases([names[0]!, names[2]!], isBase, { param: "steering" });
  expect(asked).toEqual(["small", "large", "small"]);
});
