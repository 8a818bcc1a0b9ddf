import { expect, it } from "vitest";
import { Api } from "../support/api.ts";

const api = new Api();

it("is a page that needs no key, and that loads nothing but its script", async () => {
  const page = await api.send("GET", "/labeling");
  expect([page.status, page.headers.get("content-type")]).toEqual([200, expect.stringContaining("text/html")]);
  const policy = page.headers.get("content-security-policy") ?? "";
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("script-src 'self'");
  const html = await page.text();
  const scripts = [...html.matchAll(/<script[^>]*>/g)].map(([tag]) => tag);
  expect(scripts).toEqual(['<script src="/labeling/page.js" defer>']);
  expect(html).not.toMatch(/\son\w+=/);
});

it("has labels for all of its fields, and an element for all that its script asks for", async () => {
  const html = await (await api.send("GET", "/labeling")).text();
  const script = await (await api.send("GET", "/labeling/page.js")).text();
  const ids = new Set([...html.matchAll(/id="([\w-]+)"/g)].map(([, id]) => id));
  for (const [, id] of script.matchAll(/byId\("([\w-]+)"\)/g)) expect(ids).toContain(id);
  const fields = [...html.matchAll(/<input id="(\w+)"/g)].map(([, id]) => id);
  expect(fields).toEqual(["key", "project", "rater", "reason"]);
  for (const id of fields) expect(html).toMatch(new RegExp(`<label>[^<]*(?:<kbd>.</kbd>[^<]*)?<input id="${id}"`));
  expect(script).not.toContain("innerHTML");
});
