import type { EditSummary } from "../../../../shared/api/edits.ts";

type ShownError = NonNullable<EditSummary["error"]>;

/** What the job of an edit calls what the request for it names otherwise; the first that fits counts. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^training_file$/, "facts"],
  [/^validation_file$/, "statistics_file"],
  [/^method\.\w+\.on\b.*/, "deltas"],
  [/^method\.\w+\./, ""],
];

/** A job has its facts in a file, one on each line. */
const OF_LINE = /^line (\d+): (\w+): (.*)$/s;

/**
 * The error of an edit's job, in the words of the request for the edit: `facts[2].target_new` for a field on the file's third line.
 *
 * @param removed the place of the fact that the job leaves out
 */
export function ownError({ code, message, param }: ShownError, removed: number = Number.POSITIVE_INFINITY): ShownError {
  if (param === null) return { code, message, param };
  const [, line, field, problem] = (param === "training_file" && OF_LINE.exec(message)) || [];
  if (line !== undefined) {
    const index = Number(line) - 1;
    const place = `facts[${index < removed ? index : index + 1}].${field}`;
    return { code, message: `\`${place}\` ${problem}`, param: place };
  }
  const [pattern, name] = NAMES.find(([each]) => each.test(param)) ?? [];
  if (pattern === undefined) return { code, message, param };
  const own = param.replace(pattern, name!);
  return { code, message: message.replaceAll(`\`${param}\``, `\`${own}\``), param: own };
}
