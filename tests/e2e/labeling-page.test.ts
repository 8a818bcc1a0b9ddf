/** The labelling page in a browser, by mouse and by keyboard; the API behind it is held to the schemas of the real one. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LABELING_HTML, LABELING_POLICY } from "../../edge/pages/labeling-html.ts";
import { LABELING_SCRIPT } from "../../edge/pages/labeling-script.ts";
import { CreateLabel, type HandedOut, NextTask } from "../../shared/api/label-work.ts";
import { BROWSER, BROWSER_ARGS } from "./browser.ts";

const text = (index: number, content: string) => ({ index, message: { role: "assistant" as const, content } });
const task = (id: string, fields: Partial<HandedOut> = {}): HandedOut => ({
  id,
  type: "pairwise",
  prompt: { messages: [{ role: "user", content: "Say hello" }] },
  texts: [text(1, "ahoy"), text(0, "<b>hello</b>")],
  rating_scale: null,
  selected_by: "random",
  lease_expires_at: 0,
  ...fields,
});

/** Hands out tasks in order, and remembers what it was told. */
class Api {
  tasks: HandedOut[] = [];
  readonly labels: CreateLabel[] = [];
  readonly keys: string[] = [];
  refusal: string | undefined;
  readonly server: Server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://page");
    const send = (status: number, type: string, body: string) => {
      response.writeHead(status, { "content-type": type, "content-security-policy": LABELING_POLICY });
      response.end(body);
    };
    if (pathname === "/labeling") return send(200, "text/html", LABELING_HTML);
    if (pathname === "/labeling/page.js") return send(200, "text/javascript", LABELING_SCRIPT);
    if (request.headers.authorization !== "Bearer a key") {
      return send(401, "application/json", JSON.stringify({ error: { message: "The API key is wrong." } }));
    }
    if (pathname === "/v1/labeling/projects/labproj_1/next") {
      const [first = null] = this.tasks;
      const progress = { labelled: this.labels.length, left: this.tasks.length };
      const status = first === null ? "done" : "task";
      const next = { object: "labeling.next", task: first, status, guidelines: "Prefer kind texts.", progress };
      return send(200, "application/json", JSON.stringify(NextTask.parse(next)));
    }
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => {
      if (this.refusal !== undefined) {
        send(400, "application/json", JSON.stringify({ error: { message: this.refusal } }));
        this.refusal = undefined;
        return;
      }
      this.labels.push(CreateLabel.parse(JSON.parse(body)));
      this.keys.push(String(request.headers["idempotency-key"]));
      this.tasks.shift();
      send(200, "application/json", "{}");
    });
    return undefined;
  });
}

describe.skipIf(BROWSER === undefined)("the labelling page (needs Chromium: see tests/e2e/browser.ts)", () => {
  let browser: Browser;
  let page: Page;
  let api: Api;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: BROWSER!, args: [...BROWSER_ARGS] });
  });

  afterAll(() => browser.close());

  beforeEach(async () => {
    api = new Api();
    await new Promise<void>((resolve) => api.server.listen(0, "127.0.0.1", resolve));
    page = await browser.newPage();
    page.setDefaultTimeout(10_000);
    await page.goto(`http://127.0.0.1:${(api.server.address() as AddressInfo).port}/labeling?project=labproj_1`);
  });

  afterEach(async () => {
    await page.close();
    await new Promise((resolve) => api.server.close(resolve));
  });

  async function begin(...tasks: HandedOut[]): Promise<void> {
    api.tasks = tasks;
    await page.getByLabel("API key").fill("a key");
    await page.getByLabel("Your name").fill("ada");
    await page.getByRole("button", { name: "Begin" }).click();
    await page.locator("#status").getByText("labelled").waitFor();
  }
  const ended = () => page.getByText("Nothing is left for you").waitFor();

  it("shows guidelines, prompt and texts as text, and takes answers by mouse", async () => {
    await begin(task("one"), task("two"));
    expect(await page.getByText("Prefer kind texts.").isVisible()).toBe(true);
    expect(await page.locator("#prompt").innerText()).toContain("Say hello");
    expect(await page.locator("#texts article").allInnerTexts()).toEqual([
      expect.stringContaining("ahoy"),
      expect.stringContaining("<b>hello</b>"),
    ]);
    expect(await page.locator("#texts b").count()).toBe(0);
    await page.getByRole("button", { name: "This one is better" }).nth(1).click();
    await page.getByText("1 labelled").waitFor();
    await page.getByRole("button", { name: "Equally good" }).click();
    await ended();
    expect(api.labels).toEqual([
      { task_id: "one", rater: "ada", answer: { type: "best", index: 0 } },
      { task_id: "two", rater: "ada", answer: { type: "tie" } },
    ]);
    expect(new Set(api.keys).size).toBe(2);
    expect(await page.locator("#progress").getAttribute("value")).toBe("2");
  });

  it("takes answers by keys, and no key of a field for an answer", async () => {
    await begin(task("one"), task("two"), task("three"));
    await page.keyboard.press("1");
    await page.getByText("1 labelled").waitFor();
    await page.keyboard.press("t");
    await page.getByText("2 labelled").waitFor();
    await page.keyboard.press("s");
    expect(await page.evaluate("document.activeElement.id")).toBe("reason");
    await page.keyboard.type("1t both are odd");
    await page.keyboard.press("Enter");
    await ended();
    expect(api.labels.map(({ answer, skip }) => answer ?? skip)).toEqual([
      { type: "best", index: 1 },
      { type: "tie" },
      { reason: "1t both are odd" },
    ]);
  });

  it("orders the texts of a ranking, which can be taken back, and rates", async () => {
    const texts = [text(2, "c"), text(0, "a"), text(1, "b")];
    const rating = { type: "rating", texts: [text(0, "a")], rating_scale: { min: 1, max: 5 } } as const;
    await begin(task("one", { type: "ranking", texts }), task("two", { ...rating, texts: [...rating.texts] }));
    await page.keyboard.press("1");
    expect(await page.locator("#choose-0").getAttribute("aria-pressed")).toBe("true");
    await page.keyboard.press("Backspace");
    await page.keyboard.press("3");
    await page.keyboard.press("1");
    await page.getByText("1 labelled").waitFor();
    await page.keyboard.press("9");
    await page.keyboard.press("4");
    await ended();
    expect(api.labels.map(({ answer }) => answer)).toEqual([
      { type: "order", order: [1, 2, 0] },
      { type: "rating", value: 4 },
    ]);
  });

  it("says what went wrong, and goes on", async () => {
    await page.getByLabel("API key").fill("no key");
    await page.getByLabel("Your name").fill("ada");
    await page.getByRole("button", { name: "Begin" }).click();
    await page.getByRole("alert").getByText("The API key is wrong.").waitFor();
    await begin(task("one"));
    api.refusal = "The task was deleted.";
    await page.keyboard.press("1");
    await page.getByRole("alert").getByText("The task was deleted.").waitFor();
    await page.keyboard.press("1");
    await ended();
    expect(api.labels).toHaveLength(1);
  });

  it("shows where the focus is", async () => {
    await begin(task("one"));
    expect(await page.evaluate("document.activeElement.id")).toBe("question");
    await page.keyboard.press("Tab");
    const outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle");
    expect(outline).toBe("solid");
    expect(await page.evaluate("document.activeElement.id")).toBe("choose-0");
  });
});
