import { newId } from "../../shared/api/ids.ts";
import { type ChoiceChange, isEmpty, reportedScores, wholeChoice } from "./answer.ts";
import { type CallChange, wholeCalls } from "./reply-calls.ts";
import { callItemId, type OutputItem, outputCall, outputMessage, outputText } from "./response-items.ts";

/** An event about an item, before it is numbered. */
export interface ItemEvent {
  readonly type: string;
  readonly fields: object;
  /** Whether its length says how long a piece of the answer is. */
  readonly isDelta?: boolean;
}

type OpenItem =
  | { readonly kind: "message"; readonly id: string; readonly changes: ChoiceChange[] }
  | { readonly kind: "call"; readonly id: string; readonly index: number; readonly changes: CallChange[] };

/** An answer's changes as events of its items: one item is open at a time. Every method mutates it. */
export class ItemStream {
  readonly #message: string;
  readonly #done: OutputItem[] = [];
  #open: OpenItem | undefined;

  /** `message`: the id of the first message. */
  constructor(message: string) {
    this.#message = message;
  }

  /** The items that are closed. */
  get done(): readonly OutputItem[] {
    return this.#done;
  }

  take(change: ChoiceChange): ItemEvent[] {
    const events = (change.calls ?? []).flatMap((call) => this.#takeCall(call));
    if (change.calls !== undefined || isEmpty({ ...change, finishReason: null })) return events;
    if (this.#open?.kind !== "message") events.push(...this.#close("completed"), ...this.#openMessage());
    const open = this.#open as Extract<OpenItem, { kind: "message" }>;
    open.changes.push(change);
    const delta = { delta: change.text, logprobs: reportedScores(change.scores ?? []) };
    return [
      ...events,
      { type: "response.output_text.delta", fields: { ...this.#part(open.id), ...delta }, isDelta: true },
    ];
  }

  /** Closes the last item; an answer without any has an empty message. */
  finish(isCut: boolean): ItemEvent[] {
    const opened = this.#open === undefined && this.#done.length === 0 ? this.#openMessage() : [];
    return [...opened, ...this.#close(isCut ? "incomplete" : "completed")];
  }

  #openMessage(): ItemEvent[] {
    const isFirst = this.#done.every(({ type }) => type !== "message");
    const id = isFirst ? this.#message : newId("message", (bytes) => crypto.getRandomValues(bytes));
    this.#open = { kind: "message", id, changes: [] };
    const empty = outputText({ text: "", scores: null });
    return [
      this.#added(outputMessage(id, empty, "in_progress")),
      { type: "response.content_part.added", fields: { ...this.#part(id), part: empty } },
    ];
  }

  #takeCall(change: CallChange): ItemEvent[] {
    const events: ItemEvent[] = [];
    if (this.#open?.kind !== "call" || this.#open.index !== change.index) {
      events.push(...this.#close("completed"));
      this.#open = { kind: "call", id: callItemId(), index: change.index, changes: [] };
      events.push(this.#added(outputCall(this.#open.id, { id: "", name: "", ...change }, "in_progress")));
    }
    const open = this.#open as Extract<OpenItem, { kind: "call" }>;
    open.changes.push({ ...change, index: 0 });
    if (change.arguments === "") return events;
    const fields = { ...this.#place(open.id), delta: change.arguments };
    return [...events, { type: "response.function_call_arguments.delta", fields, isDelta: true }];
  }

  #close(status: "completed" | "incomplete"): ItemEvent[] {
    const open = this.#open;
    if (open === undefined) return [];
    this.#open = undefined;
    const item = closedItem(open, status);
    const ends = open.kind === "message" ? this.#textEnds(open) : this.#callEnds(item, open.id);
    const done = { type: "response.output_item.done", fields: { output_index: this.#done.length, item } };
    this.#done.push(item);
    return [...ends, done];
  }

  #textEnds({ id, changes }: Extract<OpenItem, { kind: "message" }>): ItemEvent[] {
    const part = outputText(wholeChoice(changes, 0));
    const { text, logprobs } = part;
    return [
      { type: "response.output_text.done", fields: { ...this.#part(id), text, logprobs } },
      { type: "response.content_part.done", fields: { ...this.#part(id), part } },
    ];
  }

  #callEnds(item: OutputItem, id: string): ItemEvent[] {
    if (item.type !== "function_call") return [];
    const fields = { ...this.#place(id), name: item.name, arguments: item.arguments };
    return [{ type: "response.function_call_arguments.done", fields }];
  }

  #added(item: OutputItem): ItemEvent {
    return { type: "response.output_item.added", fields: { output_index: this.#done.length, item } };
  }

  #place(id: string) {
    return { item_id: id, output_index: this.#done.length };
  }

  #part(id: string) {
    return { ...this.#place(id), content_index: 0 };
  }
}

function closedItem(open: OpenItem, status: "completed" | "incomplete"): OutputItem {
  if (open.kind === "message") return outputMessage(open.id, outputText(wholeChoice(open.changes, 0)), status);
  return outputCall(open.id, wholeCalls(open.changes)[0]!, status);
}
