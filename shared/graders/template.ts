import { TrimtabError } from "../errors.ts";

/** Names after `sample.`; what follows them depends on the sample. */
const SAMPLE_NAMES = ["output_text", "output_json", "output_tools", "choices"] as const;
export type SampleName = (typeof SAMPLE_NAMES)[number];

/** Where `{{item.x[0].y}}` finds its value. */
export type TemplatePath =
  | { readonly namespace: "item"; readonly steps: readonly string[]; readonly text: string }
  | {
      readonly namespace: "sample";
      readonly name: SampleName;
      readonly steps: readonly string[];
      readonly text: string;
    };

/** Plain text, and places that are filled in. */
export type Template = readonly (string | TemplatePath)[];

const STEP = /\.([\p{L}\p{N}_$-]+)|\[(\d{1,9})\]|\["([^"\\\]]{1,256})"\]|\['([^'\\\]]{1,256})'\]/uy;

/**
 * Reads a text with `{{item.…}}` and `{{sample.…}}` in it. A path is names after periods, or numbers and quoted names in brackets.
 *
 * @throws TrimtabError invalid_request, naming `param`, for braces that are left open and for what no path is
 */
export function parseTemplate(text: string, param: string): Template {
  const parts: (string | TemplatePath)[] = [];
  let rest = 0;
  for (let open = text.indexOf("{{"); open >= 0; open = text.indexOf("{{", rest)) {
    const close = text.indexOf("}}", open + 2);
    if (close < 0) throw refused(param, 'has "{{" without "}}" after it. Close it, or put a space between the braces');
    if (open > rest) parts.push(text.slice(rest, open));
    parts.push(parsePath(text.slice(open + 2, close).trim(), param));
    rest = close + 2;
  }
  if (rest < text.length) parts.push(text.slice(rest));
  return parts;
}

function parsePath(text: string, param: string): TemplatePath {
  const shown = text.length > 80 ? `${text.slice(0, 77)}...` : text;
  const namespace = /^(item|sample)(?=[.[])/.exec(text)?.[1];
  const steps = namespace === undefined ? undefined : parseSteps(text, namespace.length);
  if (steps === undefined || steps.length === 0) {
    throw refused(
      param,
      `cannot fill in {{${shown}}}. Write a path such as {{item.answer}}, {{item.answers[0]}} or {{sample.output_text}}`,
    );
  }
  if (namespace === "item") return { namespace, steps, text };
  const [first, ...further] = steps;
  const name = SAMPLE_NAMES.find((known) => known === first);
  if (name === undefined) {
    throw refused(param, `cannot fill in {{${shown}}}: a sample has ${SAMPLE_NAMES.join(", ")}`);
  }
  return { namespace: "sample", name, steps: further, text };
}

function parseSteps(text: string, from: number): string[] | undefined {
  const steps: string[] = [];
  STEP.lastIndex = from;
  while (STEP.lastIndex < text.length) {
    const match = STEP.exec(text);
    if (match === null) return undefined;
    steps.push(match[1] ?? match[2] ?? match[3] ?? match[4] ?? "");
  }
  return steps;
}

function refused(param: string, problem: string): TrimtabError {
  return new TrimtabError("invalid_request", `\`${param}\` ${problem}.`, { param });
}
