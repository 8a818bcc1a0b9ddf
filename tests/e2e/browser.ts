import { existsSync } from "node:fs";

/** Chromium's program: that of `CHROMIUM`, or Debian's; undefined where there is none, so that tests of pages are skipped. */
export const BROWSER = [process.env.CHROMIUM ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);

/** As root, without a display, and without calls of its own. */
export const BROWSER_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"] as const;
