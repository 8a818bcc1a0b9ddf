import type { Edit, EditSummary } from "../../../shared/api/edits.ts";
import type { EditConflict } from "../../../shared/edits/report.ts";
import { table } from "../table.ts";

const percent = (share: number | null | undefined) => (share == null ? "–" : `${(100 * share).toFixed(0)} %`);
const LONGEST = 48;
const cut = (text: string) => {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
};

/** An edit for people: what it is, how well it holds, and each of its facts. */
export function shownEdit(edit: Edit): string {
  const { scores, base_loss: loss, seconds } = edit;
  const lines = [
    `${edit.id}  ${edit.status}${edit.error === null ? "" : `: ${edit.error.message}`}`,
    `  model   ${edit.model}${edit.deltas.length === 0 ? "" : ` with ${edit.deltas.map(({ id }) => id).join(", ")}`}`,
    `  method  ${edit.method}${edit.layers === null ? "" : `, layers ${edit.layers.join(", ")}`}`,
    ...(edit.fine_tuned_model === null ? [] : [`  use     ${edit.fine_tuned_model}`, `  delta   ${edit.delta}`]),
    ...(scores === null
      ? []
      : [
          `  scores  efficacy ${percent(scores.efficacy)}, paraphrase ${percent(scores.paraphrase)}, neighbourhood ${percent(scores.neighbourhood)}`,
        ]),
    ...(loss === null ? [] : [`  base    loss ${loss.before.toFixed(4)} → ${loss.after.toFixed(4)}`]),
    ...(seconds === null ? [] : [`  took    ${seconds.total.toFixed(1)} s`]),
    ...shownRemoval(edit),
  ];
  return [...lines, "", factTable(edit), ...shownConflicts(edit.conflicts), ""].join("\n");
}

function shownRemoval({ removal }: EditSummary): string[] {
  if (removal === null) return [];
  const why = removal.error === null ? "" : `: ${removal.error.message}`;
  return [`  fact ${removal.fact} is being taken out by ${removal.job}: ${removal.status}${why}`];
}

function factTable({ facts }: Edit): string {
  const rows = facts.map((fact) => {
    const place = [String(fact.index), cut(`${fact.prompt} → ${fact.target_new}`), fact.status];
    if (fact.status === "waiting") return [...place, "–", "–", "–", ""];
    const { scores, reason, text } = fact;
    const says = reason ?? (text.after === null ? "" : `says ${JSON.stringify(cut(text.after))}`);
    return [...place, percent(scores?.efficacy), percent(scores?.paraphrase), percent(scores?.neighbourhood), says];
  });
  const head = ["#", "fact", "status", "holds", "paraphrases", "neighbours", ""];
  return table(head, rows, { right: [0, 3, 4, 5] });
}

export function shownConflicts(conflicts: readonly EditConflict[]): string[] {
  if (conflicts.length === 0) return [];
  const rows = conflicts.map(({ fact, kind, angle_degrees: angle, message }) => [
    String(fact),
    kind.replaceAll("_", " "),
    angle === null ? "" : `${angle.toFixed(0)}°`,
    message,
  ]);
  return ["", table(["fact", "conflict", "angle", ""], rows, { right: [0, 2] })];
}

export function editTable(edits: readonly EditSummary[]): string {
  const rows = edits.map(({ id, status, method, fact_counts: counts, scores, fine_tuned_model: name }) => [
    ...[id, status, method, `${counts.edited}/${counts.total}`, percent(scores?.efficacy)],
    ...[percent(scores?.neighbourhood), name ?? ""],
  ]);
  return table(["edit", "status", "method", "facts", "efficacy", "neighbourhood", "model"], rows, { right: [3, 4, 5] });
}
