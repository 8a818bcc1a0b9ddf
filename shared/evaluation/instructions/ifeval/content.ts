/** IFEval's instructions on what a text contains, and on several answers in one. */
import { SPACE, strip } from "../../text/python-text.ts";
import { Count, instructionKind, LongText, Phrase } from "../kind.ts";

/** Parts in square brackets, each on one line. */
export const numberPlaceholders = instructionKind(
  "detectable_content:number_placeholders",
  { num_placeholders: Count },
  (text, { num_placeholders }) => {
    let count = 0;
    for (const line of text.split("\n")) {
      let close = -1;
      for (let open = line.indexOf("["); open >= 0; open = line.indexOf("[", close + 1)) {
        close = line.indexOf("]", open + 1);
        if (close < 0) break;
        count += 1;
      }
    }
    return count >= num_placeholders;
  },
);

const POSTSCRIPTS: Readonly<Record<string, RegExp>> = {
  "P.P.S": new RegExp(`p\\.[${SPACE}]?p\\.[${SPACE}]?s`, "u"),
  "P.S.": new RegExp(`p\\.[${SPACE}]?s\\.`, "u"),
};

/** The marker, anywhere; its periods may be followed by a space. */
export const postscript = instructionKind(
  "detectable_content:postscript",
  { postscript_marker: Phrase },
  (text, { postscript_marker }) => {
    const lower = text.toLowerCase();
    const pattern = Object.hasOwn(POSTSCRIPTS, postscript_marker) ? POSTSCRIPTS[postscript_marker] : undefined;
    return pattern?.test(lower) ?? lower.includes(postscript_marker.toLowerCase());
  },
);

/** Two answers with `******` between them, which differ. */
export const twoResponses = instructionKind("combination:two_responses", {}, (text) => {
  const parts = text.split("******").map(strip);
  const given = parts.filter((part) => part !== "");
  if (parts.slice(1, -1).includes("")) return false;
  return given.length === 2 && given[0] !== given[1];
});

/** The request first, word by word, then an answer. */
export const repeatPrompt = instructionKind(
  "combination:repeat_prompt",
  { prompt_to_repeat: LongText },
  (text, { prompt_to_repeat }) => strip(text).toLowerCase().startsWith(strip(prompt_to_repeat).toLowerCase()),
);

/** One of the three answers that IFEval allows. */
export const constrainedResponse = instructionKind("detectable_format:constrained_response", {}, (text) =>
  ["My answer is yes.", "My answer is no.", "My answer is maybe."].some((answer) => text.includes(answer)),
);

/** JSON and nothing else, but for a fence of ``` around it; as Python reads it, which knows NaN and Infinity. */
export const jsonFormat = instructionKind("detectable_format:json_format", {}, (text) => {
  const open = /^```(?:json|Json|JSON)?(?:```)?/;
  const inner = strip(strip(text).replace(open, "").replace(/```$/, ""));
  return isJson(inner) || isJson(withoutNaN(inner));
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Outside of strings. */
function withoutNaN(text: string): string {
  return text.replaceAll(/"(?:[^"\\]|\\.)*"?|-?\b(?:NaN|Infinity)\b/gs, (part) => (part.startsWith('"') ? part : "0"));
}
