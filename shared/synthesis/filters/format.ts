import { z } from "zod";
import { type Filter, PASSED, shown } from "./filter.ts";

const SCRIPTS = [
  "Latin",
  "Cyrillic",
  "Greek",
  "Arabic",
  "Hebrew",
  "Devanagari",
  "Han",
  "Hiragana",
  "Hangul",
  "Thai",
] as const;

const Settings = z.strictObject({
  output: z.enum(["any", "line", "json"]).default("any").meta({
    description: "`line`: without a line break; `json`: a whole JSON value",
  }),
  script: z.enum(SCRIPTS).optional().meta({ description: "What at least 90 % of the letters must be" }),
});

const SHARE = 0.9;

/** Rejects outputs of another form or script than asked for, and empty ones. */
export const format: Filter<z.output<typeof Settings>> = {
  settings: Settings,
  stage: "example",
  check({ instruction, output }, { output: form, script }) {
    const text = (output ?? "").trim();
    if (text === "") return { reason: "its output is empty" };
    if (form === "line" && text.includes("\n")) return { reason: "its output has several lines" };
    if (form === "json" && !isJson(text)) return { reason: "its output is not JSON" };
    if (script === undefined) return PASSED;
    const whole = `${instruction}\n${text}`;
    const letters = whole.match(/\p{L}/gu)?.length ?? 0;
    const own = whole.match(new RegExp(`\\p{Script=${script}}`, "gu"))?.length ?? 0;
    const share = letters === 0 ? 0 : Math.min(1, own / letters);
    return { reason: share < SHARE ? `${shown(share)} of its letters are ${script}` : null, score: share };
  },
};

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
