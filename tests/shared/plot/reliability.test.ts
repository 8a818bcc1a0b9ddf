import { expect, it } from "vitest";
import { drawReliability } from "../../../shared/plot/reliability.ts";

const svg = drawReliability({
  id: "a",
  title: "t",
  description: "d",
  bins: [
    { predicted: 0.25, observed: 0.5, n: 4 },
    { predicted: 0.75, observed: 0.75, n: 8 },
    { predicted: 0.9, observed: 0, n: 0 },
  ],
});

it("has a mark for each bin that is not empty, and the line of perfect calibration", () => {
  const titles = [...svg.matchAll(/class="dot"[^>]*><title>(.*?)<\/title>/g)].map(([, title]) => title);
  expect(titles).toEqual(["predicted 0.25, observed 0.5, of 4", "predicted 0.75, observed 0.75, of 8"]);
  expect(svg).toContain('class="guide"');
});

it("draws the line alone without bins", () => {
  const empty = drawReliability({ id: "a", title: "t", description: "d", bins: [] });
  expect(empty).toContain('class="guide"');
  expect(empty).not.toContain('class="dot"');
});
