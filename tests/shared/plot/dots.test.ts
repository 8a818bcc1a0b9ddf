import { expect, it } from "vitest";
import { drawDots } from "../../../shared/plot/dots.ts";

const head = { id: "d", title: "T", description: "D", x: "rate", y: "loss" };
/** Of the dots, which have titles. */
const xs = (svg: string) =>
  [...svg.matchAll(/<path class="dot" d="M([\d.]+) [^>]*><title>/g)].map(([, x]) => Number(x));

it("places numbers by size, on a logarithmic axis where they span much", () => {
  const even = (values: number[]) =>
    xs(drawDots({ ...head, dots: values.map((x) => ({ x, y: x, label: "t", kind: "ended" as const })) }));
  const [a, b, c] = even([0.001, 0.01, 0.1]);
  expect(b! - a!).toBeCloseTo(c! - b!, 0);
  const [d, e, f] = even([1, 2, 10]);
  expect(e! - d!).toBeLessThan(f! - e!);
});

it("gives names a place each, escapes them, and sets the best apart", () => {
  const dots = ["<a>", "b", "<a>"].map((x, y) => ({
    x,
    y,
    label: `trial ${y}`,
    kind: y === 1 ? ("best" as const) : ("stopped" as const),
  }));
  const svg = drawDots({ ...head, dots });
  const [a, b, again] = xs(svg);
  expect(a).toBe(again);
  expect(b).not.toBe(a);
  expect(svg).toContain("&lt;a&gt;");
  // Its sign in the legend, and its dot.
  expect(svg.match(/<g class="s1">/g)).toHaveLength(2);
  expect(svg).toContain("stopped before");
  expect(svg).toContain("<title>trial 2: 2</title>");
});
