import { describe, expect, it } from "vitest";
import { JobReport } from "../../../shared/api/job-report.ts";
import { renderReport } from "../../../shared/report/html.ts";
import { SAMPLE_REPORT } from "./sample-report.ts";

const page = renderReport(SAMPLE_REPORT);
const VOID = new Set(["meta", "br", "img", "link", "input"]);

/** The page's tags in order, with their attributes; styles are no tags. */
function tagsOf(html: string) {
  const withoutStyles = html.replaceAll(/<style>[^<]*<\/style>/g, "");
  return [...withoutStyles.matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s+[a-zA-Z0-9:-]+(?:="[^"]*")?)*)\s*(\/?)>/g)].map(
    ([, close, name, attributes, self]) => {
      return { name: name!, closes: close === "/", self: self === "/" || VOID.has(name!), attributes: attributes! };
    },
  );
}

describe("the page of a report", () => {
  it("is that of a report as the API has it", () => {
    expect(JobReport.parse(SAMPLE_REPORT)).toEqual(SAMPLE_REPORT);
  });

  it.each([
    ["held_out", "30 pairs of the held-out lines"],
    ["validation_file", "30 pairs of the validation file"],
    ["training_file", "30 pairs of the training file"],
  ] as const)("says that a reward model was calibrated on its %s", (of, caption) => {
    const calibration = { ...SAMPLE_REPORT.calibration!, calibrated_on: of };
    expect(renderReport({ ...SAMPLE_REPORT, calibration })).toContain(`<caption>${caption}</caption>`);
  });

  it("is well formed, and every < is the beginning of one of its own tags", () => {
    const open: string[] = [];
    const tags = tagsOf(page);
    for (const { name, closes, self } of tags) {
      if (self) continue;
      if (closes) expect(open.pop()).toBe(name);
      else open.push(name);
    }
    expect(open).toEqual([]);
    const styles = page.match(/<style>[^<]*<\/style>/g)!.length;
    expect(page.match(/</g)!.length).toBe(tags.length + 2 * styles + 1);
  });

  it("lets no text of a model or a file become markup", () => {
    const names = new Set(tagsOf(page).map(({ name }) => name));
    expect(["script", "img", "iframe", "a"].filter((name) => names.has(name))).toEqual(["a"]);
    expect(tagsOf(page).filter(({ attributes }) => /\son[a-z]+=|javascript:/i.test(attributes))).toEqual([]);
    expect(page).toContain("Hello&lt;/pre&gt;&lt;/details&gt;&lt;script&gt;alert(&quot;1&quot;)");
    expect(page).toContain("&amp;amp;");
  });

  it("loads nothing", () => {
    const attributes = tagsOf(page).map(({ attributes }) => attributes.replace("http://www.w3.org/2000/svg", ""));
    expect(attributes.filter((text) => /https?:|src=|url\(/.test(text))).toEqual([]);
    expect(page.match(/<style>[^<]*<\/style>/g)!.filter((style) => /@import|url\(/.test(style))).toEqual([]);
    const targets = [...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target);
    expect(targets).toEqual(["#report"]);
    expect(page).toContain("default-src &#39;none&#39;");
  });

  it("reads by keyboard and screen reader: a language, headings in order, captions, and scopes", () => {
    expect(page).toMatch(/<html lang="en">/);
    const levels = [...page.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
    expect(levels[0]).toBe(1);
    expect(levels.every((level, i) => i === 0 || level - levels[i - 1]! <= 1)).toBe(true);
    const count = (pattern: RegExp) => page.match(pattern)?.length ?? 0;
    expect(count(/<table>/g)).toBe(count(/<caption>/g));
    expect(count(/<th[ >]/g)).toBe(count(/<th scope="(?:row|col)">/g));
    expect(count(/<svg /g)).toBe(count(/aria-labelledby="[a-z-]+-title [a-z-]+-desc"/g));
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    const labels = [...page.matchAll(/aria-labelledby="([^"]*)"/g)].flatMap(([, names]) => names!.split(" "));
    expect(labels.filter((name) => !ids.includes(name))).toEqual([]);
  });

  it("shows every part, with n and intervals beside the shares", () => {
    for (const title of [
      "Win rate against the model before",
      "Preference accuracy on the validation pairs",
      "The validation completions",
      "Reward and divergence",
      "The alignment tax",
      "Fidelity to verifiable instructions",
      "Register and sentiment",
      "Length and variety of the replies",
      "Reward hacking",
      "Training",
      "Calibration",
      "Samples side by side",
      "Not measured",
    ]) {
      expect(page).toContain(`>${title}</h2>`);
    }
    expect(page).toContain("75.0 % (40.9 % to 92.9 %), n = 8");
    expect(page).toContain("+0.850 (standard error 0.400)");
    expect(page).toContain("the reward that the job trained on");
    expect(page).not.toMatch(/NaN|undefined|null|Infinity/);
  });

  it("has the same bytes for the same report, and no clock but the job's", () => {
    expect(renderReport(SAMPLE_REPORT)).toBe(page);
    expect(page).toContain("2023-11-14T22:13:20.000Z");
  });

  it("leaves out what was not measured", () => {
    const bare = renderReport({
      ...SAMPLE_REPORT,
      ...{
        preference_accuracy: null,
        completions: null,
        win_rate: null,
        divergence: null,
        fidelity: null,
        facts: null,
        tasks: null,
      },
      ...{ base_loss: null, styles: [], texts: null, calibration: null, steps: null, samples: [] },
      missing: [{ part: "win_rate", reason: "nothing may judge" }],
    });
    expect(bare.match(/<h2/g)).toHaveLength(1);
    expect(bare).toContain("nothing may judge");
    expect(bare).not.toMatch(/NaN|undefined|>null/);
  });

  it("says why a win rate at equal lengths is missing", () => {
    const none = { win_rate: null, low: null, high: null, model: null, length: null, n: 8, reason: "all 8 are wins" };
    const shown = renderReport({
      ...SAMPLE_REPORT,
      win_rate: { ...SAMPLE_REPORT.win_rate!, length_controlled: none },
    });
    expect(shown).toContain("Note: all 8 are wins.");
  });
});
