import { expect, it } from "vitest";
import { explainNonFinite } from "../../../edge/serving/not-finite.ts";
import { TrimtabError } from "../../../shared/errors.ts";

const folder = { digest: "d1", prefix: "p/", files: [] };
const base = { ...folder, id: "tiny" };
const model = { base, weights: null, deltas: [] };
const deltaId = (digest: string) => `delta-${digest}`;
const thrown = new TrimtabError("non_finite", "logits");

it("names the model and what it is made of", () => {
  const deltas = [{ ...folder, weight: 1e38 }];
  expect(explainNonFinite(thrown, { name: "ft:mine", model: { ...model, deltas } }, deltaId)).toMatchObject({
    code: "non_finite",
    param: "model",
    cause: thrown,
    message: expect.stringMatching(/^The model "ft:mine" gives .* It is tiny with delta-d1 at weight 1e\+38\. Lower/),
  });
  const weights = { ...folder, tenant: "acme" };
  const tuned = explainNonFinite(thrown, { model: { ...model, weights } }, deltaId) as TrimtabError;
  expect(tuned.message).toContain("It is tiny with the full fine-tune of tiny.");
});

it("takes the bare base's numbers for the server's fault, and leaves other errors as they are", () => {
  expect(explainNonFinite(thrown, { model }, deltaId)).toMatchObject({ code: "internal_error", cause: thrown });
  const other = new TrimtabError("invalid_request", "no");
  expect(explainNonFinite(other, { model }, deltaId)).toBe(other);
});
