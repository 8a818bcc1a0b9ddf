/** What form a text must have. */
import { z } from "zod";
import { BOUNDS, instructionKind, isWithin } from "./kind.ts";

/** Lines that begin with `*` or `-`, exactly so many; `**bold**` at the start of a line is no bullet. */
export const bulletList = instructionKind("bullet_list", { exactly: z.int().min(1).max(100) }, (text, { exactly }) => {
  return (text.match(/^[^\S\n]*(?:\*(?!\*)|-)[^\n]*\S/gmu)?.length ?? 0) === exactly;
});

/** JSON and nothing else, but for a fence of ``` around it. */
export const json = instructionKind("json", {}, (text) => {
  const inner = text
    .trim()
    .replace(/^```(?:json)?\s*\n?/iu, "")
    .replace(/```$/u, "");
  try {
    JSON.parse(inner);
    return true;
  } catch {
    return false;
  }
});

/** A title in double angle brackets: `<<On tides>>`. */
export const title = instructionKind("title", {}, (text) => /<<[^\n<>]*[^\s<>][^\n<>]*>>/u.test(text));

/** Placeholders in square brackets: `[name]`. */
export const placeholders = instructionKind("placeholders", BOUNDS, (text, bounds) => {
  let count = 0;
  for (const line of text.split("\n")) {
    for (let open = line.indexOf("["); open >= 0; ) {
      const close = line.indexOf("]", open + 1);
      if (close < 0) break;
      if (close > open + 1) count += 1;
      open = line.indexOf("[", close > open + 1 ? close + 1 : open + 1);
    }
  }
  return isWithin(count, bounds);
});

/** Highlighted parts between single or double asterisks. */
export const highlights = instructionKind("highlights", BOUNDS, (text, bounds) => {
  const double = text.match(/\*\*[^\n*]*[^\s*][^\n*]*\*\*/gu) ?? [];
  const single = text.replaceAll(/\*\*[^\n*]*\*\*/gu, "").match(/\*[^\n*]*[^\s*][^\n*]*\*/gu) ?? [];
  return isWithin(double.length + single.length, bounds);
});
