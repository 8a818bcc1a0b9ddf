import { LABELING_HTML, LABELING_POLICY } from "../pages/labeling-html.ts";
import { LABELING_SCRIPT } from "../pages/labeling-script.ts";
import { subApp } from "./route.ts";

const HEADERS = {
  "content-security-policy": LABELING_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

/** The page on which raters label. It needs no key; what it asks the API for does. */
export const labelingPage = subApp();

labelingPage.get("/", (c) => c.html(LABELING_HTML, 200, HEADERS));

labelingPage.get("/page.js", (c) =>
  c.body(LABELING_SCRIPT, 200, { ...HEADERS, "content-type": "text/javascript; charset=utf-8" }),
);
