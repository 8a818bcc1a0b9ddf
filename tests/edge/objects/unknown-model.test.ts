import { expect, it } from "vitest";
import { baseGone, unknownModel } from "../../../edge/objects/unknown-model.ts";

it("says which field named what, and where to look", () => {
  const error = unknownModel("x", "deltas[0].id");
  expect(error).toMatchObject({ code: "model_not_found", param: "deltas[0].id" });
  expect(error.message).toBe('The model "x" does not exist or is not yours. GET /v1/models lists what you can use.');
});

it("says that a model's base was deleted", () => {
  const error = baseGone("ft:a", "base");
  expect(error).toMatchObject({ code: "model_not_found", param: "model" });
  expect(error.message).toBe(
    'The base model "base" of "ft:a" was deleted. It works again once the same base is added.',
  );
});
