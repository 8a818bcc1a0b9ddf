/** A job's report in a browser: what it draws, by keyboard, in both colour schemes, and that it asks nobody for anything. */
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { renderReport } from "../../shared/report/html.ts";
import { renderSweep } from "../../shared/report/sweep.ts";
import { SAMPLE_REPORT } from "../shared/report/sample-report.ts";
import { sampleSweep, trial } from "../shared/report/sample-sweep.ts";
import { BROWSER, BROWSER_ARGS } from "./browser.ts";

describe.skipIf(BROWSER === undefined)("the page of a report (needs Chromium: see tests/e2e/browser.ts)", () => {
  let browser: Browser;
  let page: Page;
  const requested: string[] = [];
  const complaints: string[] = [];

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER!, args: [...BROWSER_ARGS] });
    page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
    page.on("request", (request) => requested.push(request.url()));
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.setContent(renderReport(SAMPLE_REPORT));
  });

  afterAll(() => browser.close());

  it("draws its charts, each with a name, without a request or a complaint", async () => {
    const charts = page.locator("svg");
    expect(await charts.count()).toBeGreaterThan(0);
    for (const chart of await charts.all()) {
      expect((await chart.locator("title").first().textContent())?.trim()).not.toBe("");
      const { width, height } = (await chart.boundingBox())!;
      expect(Math.min(width, height)).toBeGreaterThan(50);
    }
    expect(requested.filter((address) => !address.startsWith("about:") && !address.startsWith("data:"))).toEqual([]);
    expect(complaints).toEqual([]);
  });

  it("has one main heading, tables with captions, and texts of models as text", async () => {
    expect(await page.getByRole("heading", { level: 1 }).count()).toBe(1);
    for (const table of await page.locator("table").all()) expect(await table.locator("caption").count()).toBe(1);
    expect(await page.locator("main script, main iframe, main img").count()).toBe(0);
  });

  it("opens what is folded by keyboard", async () => {
    const folded = page.locator("details:not([open])");
    const before = await folded.count();
    expect(before).toBeGreaterThan(0);
    const summary = folded.first().locator("summary");
    await summary.focus();
    expect(await page.locator("summary:focus").count()).toBe(1);
    await page.keyboard.press("Enter");
    expect(await folded.count()).toBe(before - 1);
  });

  it("fits a narrow window, where tables scroll by themselves", async () => {
    await page.setViewportSize({ width: 380, height: 700 });
    const [content, window] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    expect(content!).toBeLessThanOrEqual(window!);
  });

  it("is dark on light, and light on dark where the reader asks for it", async () => {
    /** How light a colour is, from 0 to 1; undefined for a transparent one. */
    const lightness = (colour: string) => {
      const [r = 0, g = 0, b = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
      return alpha === 0 ? undefined : (r + g + b) / 765;
    };
    const colours = async (colorScheme: "light" | "dark") => {
      await page.emulateMedia({ colorScheme });
      const of = (element: string, name: string) =>
        page.evaluate<string>(`getComputedStyle(document.${element}).${name}`);
      const ground = lightness(await of("body", "backgroundColor"));
      return {
        text: lightness(await of("body", "color"))!,
        ground: ground ?? lightness(await of("documentElement", "backgroundColor")),
      };
    };
    const [light, dark] = [await colours("light"), await colours("dark")];
    expect(light.text).toBeLessThan(0.4);
    expect(dark.text).toBeGreaterThan(0.6);
    if (dark.ground !== undefined) expect(dark.ground).toBeLessThan(0.4);
  });

  it("draws a sweep too, within a narrow window and without a complaint", async () => {
    await page.setViewportSize({ width: 380, height: 700 });
    await page.setContent(
      renderSweep(sampleSweep([trial(1, 0.001, 2), trial(2, 0.1, 1), trial(3, 0.01, null, "failed")])),
    );
    for (const chart of await page.locator("svg").all()) {
      expect((await chart.locator("title").first().textContent())?.trim()).not.toBe("");
    }
    const [content, window] = await page.evaluate<number[]>("[document.documentElement.scrollWidth, innerWidth]");
    expect(content!).toBeLessThanOrEqual(window!);
    for (const table of await page.locator("table").all()) expect(await table.locator("caption").count()).toBe(1);
    expect(complaints).toEqual([]);
  });
});
