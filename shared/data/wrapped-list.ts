/** Finds the list of examples in files that are one JSON object around it. */
import { TrimtabError } from "../errors.ts";
import type { JsonListOptions } from "../formats/json-list.ts";
import { isRecord } from "./columns.ts";
import { DATASET_COLUMNS, DATASET_KIND_NAMES, datasetKind } from "./dataset-kinds/registry.ts";

export type WrappedList = Pick<JsonListOptions, "list" | "join" | "several">;

/** A task file of Super-NaturalInstructions: each of its instances gets the task's definition. */
const TASK: WrappedList = {
  list: "Instances",
  several: true,
  join(entry, { Definition: definition }) {
    if (!isRecord(entry)) return entry;
    if (definition !== undefined) return { Definition: definition, ...entry };
    throw new TrimtabError("invalid_file", "the file is a task with Instances, but no Definition stands before them");
  },
};

/** Columns of text that a wrapper's list may also be called. */
const AMBIGUOUS = ["data"];

/**
 * The list to read, given the beginning of a file that starts with an object; undefined if the object is a record itself.
 *
 * @param head may end anywhere
 */
export function wrappedList(head: string): WrappedList | undefined {
  const { members, text } = firstObject(head);
  const has = (name: string) => members.some(({ key }) => key === name);
  if (has("Definition") && (has("Instances") || (text === undefined && !has("input")))) return TASK;
  const lists = members.filter(({ holdsObjects }) => holdsObjects).map(({ key }) => key);
  if (text !== undefined) {
    const record = parsed(text);
    const isExample = record === undefined || DATASET_KIND_NAMES.some((name) => datasetKind(name).recognises(record));
    return isExample && !lists.some((key) => AMBIGUOUS.includes(key)) ? undefined : only(lists);
  }
  const first = members.findIndex(({ holdsObjects }) => holdsObjects);
  if (first < 0) return undefined;
  const isColumn = (key: string) => DATASET_COLUMNS.has(key) && !AMBIGUOUS.includes(key);
  return members.slice(0, first + 1).some(({ key }) => isColumn(key)) ? undefined : { list: members[first]!.key };
}

const only = (lists: readonly string[]) => (lists.length === 1 ? { list: lists[0]! } : undefined);

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

interface Member {
  readonly key: string;
  readonly holdsObjects: boolean;
}

/** The members of the first object as far as they are there, and its text if it is complete. */
function firstObject(head: string): { readonly members: readonly Member[]; readonly text: string | undefined } {
  const begin = head.indexOf("{");
  const members: Member[] = [];
  let depth = 0;
  let key: string | undefined;
  let quoted = "";
  for (let at = begin; at >= 0 && at < head.length; at++) {
    const letter = head[at]!;
    if (letter === '"') {
      const end = endOfString(head, at);
      if (end < 0) break;
      if (depth === 1) quoted = head.slice(at, end);
      at = end - 1;
    } else if (letter === ":" && depth === 1) {
      key = nameOf(quoted);
    } else if (letter === "{" || letter === "[") {
      if (depth === 1 && key !== undefined)
        members.push({ key, holdsObjects: /^\[\s*\{/.test(head.slice(at, at + 256)) });
      key = depth === 1 ? undefined : key;
      depth += 1;
    } else if (letter === "}" || letter === "]") {
      depth -= 1;
      if (depth === 0) return { members, text: head.slice(begin, at + 1) };
    } else if (letter === "," && depth === 1 && key !== undefined) {
      members.push({ key, holdsObjects: false });
      key = undefined;
    }
  }
  if (key !== undefined) members.push({ key, holdsObjects: false });
  return { members, text: undefined };
}

function nameOf(quoted: string): string | undefined {
  try {
    return JSON.parse(quoted) as string;
  } catch {
    return undefined;
  }
}

/** The place after a string's last quote; −1 if it is cut off. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') return at + 1;
  }
  return -1;
}
