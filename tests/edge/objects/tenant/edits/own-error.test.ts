import { expect, it } from "vitest";
import { ownError } from "../../../../../edge/objects/tenant/edits/own-error.ts";

const error = (param: string | null, message = "is wrong") => ({ code: "invalid_request", message, param });

it.each([
  ["training_file", "facts"],
  ["validation_file", "statistics_file"],
  ["method.edit.on", "deltas"],
  ["method.edit.on[1].id", "deltas"],
  ["method.edit.options.layers", "options.layers"],
  ["facts[0]", "facts[0]"],
  [null, null],
])("calls %s what the request does", (param, own) => {
  expect(ownError(error(param, `\`${param}\` is wrong`))).toEqual(error(own, `\`${own}\` is wrong`));
});

it("names the fact of a line, also where one before it is left out", () => {
  const found = error("training_file", "line 3: target_new: cannot be expressed; word it otherwise");
  const named = (place: string) => error(place, `\`${place}\` cannot be expressed; word it otherwise`);
  expect(ownError(found)).toEqual(named("facts[2].target_new"));
  expect(ownError(found, 3)).toEqual(named("facts[2].target_new"));
  expect(ownError(found, 2)).toEqual(named("facts[3].target_new"));
  expect(ownError(found, 0)).toEqual(named("facts[3].target_new"));
});
