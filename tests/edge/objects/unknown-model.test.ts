import { expect, it } from "vitest";
import { unknownModel } from "../../../edge/objects/unknown-model.ts";

it("says which field named what, and where to look", () => {
  const error = unknownModel("x", "deltas[0].id");
  expect(error).toMatchObject({ code: "model_not_found", param: "deltas[0].id" });
  expect(error.message).toBe('The model "x" does not exist or is not yours. GET /v1/models lists what you can use.');
});
