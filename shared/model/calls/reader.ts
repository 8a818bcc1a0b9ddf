import type { Tokenizer } from "../tokenizer.ts";
import { JsonObject } from "./json-object.ts";
import { type Marks, marked, withoutMarks } from "./marks.ts";
import type { CallPart, CallSyntax } from "./syntax.ts";

export type CallEvent =
  | { readonly type: "text"; readonly text: string }
  /** A call begins; its name is known. `index` counts the calls of the reply from 0. */
  | { readonly type: "call"; readonly index: number; readonly name: string }
  /** More of its arguments: the JSON exactly as the model wrote it. */
  | { readonly type: "arguments"; readonly index: number; readonly text: string }
  /** Its arguments are complete. */
  | { readonly type: "end"; readonly index: number };

const NAME = /^[a-zA-Z0-9_.-]*/;
const ID = /^[a-zA-Z0-9_.:-]*/;
const MAX_NAME = 64;

/** A call that is being read. */
interface OpenCall {
  /** What has been read of it, and of the text before it; becomes text again if this is no call after all. */
  read: string;
  part: number;
  name: string | undefined;
  /** Arguments that wait for the name. */
  waiting: string;
  started: boolean;
  json: JsonObject | undefined;
}

/**
 * Tells the text of a reply from its calls while it is generated. Takes the text of a `markingDecoder`. Holds back what may
 * turn out to be the beginning of a call; what does not continue as a call is text. `push` and `flush` mutate it.
 */
export class CallReader {
  readonly #openings: { readonly first: readonly string[]; readonly later: readonly string[] };
  readonly #call: readonly CallPart[];
  readonly #between: string | undefined;
  readonly #close: string;
  #held = "";
  #atStart = true;
  #open: OpenCall | undefined;
  /** After a call: its end, or the next one, may follow. */
  #after = false;
  #calls = 0;
  #complete = 0;

  constructor(syntax: CallSyntax, tokenizer: Tokenizer, marks: Marks) {
    const literal = (text: string) => marked(text, tokenizer, marks);
    const { afterText, between } = syntax;
    this.#openings = {
      first: distinct([literal(syntax.preamble + syntax.open), literal(syntax.open)]),
      later:
        afterText === undefined ? [] : distinct([literal(afterText.gap + afterText.open), literal(afterText.open)]),
    };
    this.#call = syntax.call.map((part) => ("text" in part ? { text: literal(part.text) } : part));
    this.#between = between === undefined ? undefined : literal(between);
    this.#close = literal(syntax.close);
  }

  /** Whether the reply has calls, and all of them are complete. */
  get hasCalled(): boolean {
    return this.#calls > 0 && this.#calls === this.#complete;
  }

  /** Whether what comes next belongs to a call, as far as is known. */
  get isInCall(): boolean {
    return this.#open !== undefined || this.#after;
  }

  push(text: string): CallEvent[] {
    this.#held += text;
    const events: CallEvent[] = [];
    while (this.#step(events)) {
      // Each step takes something from what is held, until more text is needed.
    }
    return joined(events);
  }

  /** What was held back, once no more text will come. The beginning of a call after others is dropped: it is no text. */
  flush(): CallEvent[] {
    const open = this.#open;
    const events: CallEvent[] = [];
    if (open !== undefined && !open.started && this.#calls === 0) events.push(...this.#text(open.read + this.#held));
    else if (!this.isInCall) events.push(...this.#text(this.#held));
    this.#held = "";
    return joined(events);
  }

  /** Takes a step and says whether another may follow. */
  #step(events: CallEvent[]): boolean {
    if (this.#open !== undefined) return this.#inCall(this.#open, events);
    if (this.#after) return this.#afterCall();
    return this.#inText(events);
  }

  #inText(events: CallEvent[]): boolean {
    if (this.#atStart) {
      const opening = this.#openings.first.find((one) => this.#held.startsWith(one));
      if (opening !== undefined) return this.#begin(opening);
      if (this.#openings.first.some((one) => one.startsWith(this.#held))) return false;
      this.#atStart = false;
    }
    const found = this.#openings.later
      .map((opening) => ({ opening, at: this.#held.indexOf(opening) }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at)[0];
    if (found !== undefined) {
      events.push(...this.#text(this.#held.slice(0, found.at)));
      this.#held = this.#held.slice(found.at);
      return this.#begin(found.opening);
    }
    const kept = Math.max(0, ...this.#openings.later.map((opening) => overlap(this.#held, opening)));
    const sent = this.#held.length - kept;
    events.push(...this.#text(this.#held.slice(0, sent)));
    this.#held = this.#held.slice(sent);
    return false;
  }

  #begin(opening: string): true {
    this.#atStart = false;
    this.#open = { read: "", part: 0, name: undefined, waiting: "", started: false, json: undefined };
    this.#take(this.#open, opening.length);
    return true;
  }

  #take(open: OpenCall, length: number): string {
    const taken = this.#held.slice(0, length);
    open.read += taken;
    this.#held = this.#held.slice(length);
    return taken;
  }

  #inCall(open: OpenCall, events: CallEvent[]): boolean {
    const part = this.#call[open.part];
    if (part === undefined) {
      this.#open = undefined;
      this.#after = true;
      return true;
    }
    if ("text" in part) {
      if (!this.#held.startsWith(part.text))
        return part.text.startsWith(this.#held) ? false : this.#giveUp(open, events);
      this.#take(open, part.text.length);
      open.part++;
      return true;
    }
    if (part.slot === "arguments") return this.#inArguments(open, events);
    const [word] = (part.slot === "name" ? NAME : ID).exec(this.#held)!;
    if (word.length > MAX_NAME) return this.#giveUp(open, events);
    if (word.length === this.#held.length) return false;
    if (word === "") return this.#giveUp(open, events);
    this.#take(open, word.length);
    open.part++;
    if (part.slot === "name") {
      open.name = word;
      if (open.waiting !== "") this.#send(open, open.waiting, events);
    }
    return true;
  }

  #inArguments(open: OpenCall, events: CallEvent[]): boolean {
    if (open.json === undefined) {
      this.#take(open, this.#held.length - this.#held.trimStart().length);
      if (this.#held === "") return false;
      if (!this.#held.startsWith("{")) return this.#giveUp(open, events);
      open.json = new JsonObject();
    }
    const text = withoutMarks(this.#take(open, open.json.push(this.#held)));
    if (open.name === undefined) open.waiting += text;
    else this.#send(open, text, events);
    if (!open.json.ended) return false;
    open.part++;
    return true;
  }

  #send(open: OpenCall, text: string, events: CallEvent[]): void {
    const index = open.started ? this.#calls - 1 : this.#calls;
    if (!open.started) {
      open.started = true;
      this.#calls++;
      events.push({ type: "call", index, name: open.name! });
    }
    if (text !== "") events.push({ type: "arguments", index, text });
    if (open.json!.ended && this.#complete < this.#calls) {
      this.#complete++;
      events.push({ type: "end", index });
    }
  }

  /** The next call, or what closes the last one; anything else is text again. */
  #afterCall(): boolean {
    const between = this.#between;
    if (between !== undefined && this.#held.startsWith(between)) {
      this.#after = false;
      return this.#begin(between);
    }
    if (between?.startsWith(this.#held) === true) return false;
    if (this.#held.startsWith(this.#close)) this.#held = this.#held.slice(this.#close.length);
    else if (this.#close.startsWith(this.#held)) return false;
    this.#after = false;
    return this.#held !== "";
  }

  /** What looked like a call is text, or, where its arguments were sent, the end of a call. */
  #giveUp(open: OpenCall, events: CallEvent[]): true {
    this.#open = undefined;
    if (!open.started) {
      // The text after the first character may begin a call.
      const text = open.read + this.#held;
      const length = text.codePointAt(0)! > 0xffff || text.startsWith("\udbff") ? 2 : 1;
      events.push(...this.#text(text.slice(0, length)));
      this.#held = text.slice(length);
    }
    return true;
  }

  #text(text: string): CallEvent[] {
    const shown = withoutMarks(text);
    return shown === "" ? [] : [{ type: "text", text: shown }];
  }
}

function distinct(literals: readonly string[]): string[] {
  return [...new Set(literals)];
}

/** Neighbouring pieces of the same text or arguments in one. */
function joined(events: readonly CallEvent[]): CallEvent[] {
  const all: CallEvent[] = [];
  for (const event of events) {
    const last = all.at(-1);
    if (last?.type === "text" && event.type === "text")
      all[all.length - 1] = { type: "text", text: last.text + event.text };
    else all.push(event);
  }
  return all;
}

/** The length of the longest proper prefix of `sequence` that `text` ends with. */
function overlap(text: string, sequence: string): number {
  for (let length = Math.min(text.length, sequence.length - 1); length > 0; length--) {
    if (text.endsWith(sequence.slice(0, length))) return length;
  }
  return 0;
}
