/**
 * What remains to be written after a part of a text: frames on stacks that share their ends, as in generalised LL parsing
 * (Scott & Johnstone 2010). Equal contexts are one object, so equal states of the machine are found again.
 */
import type { Context, Frame } from "./state.ts";
import type { Term } from "./terms.ts";

export class ContextStore {
  readonly #contexts = new Map<string, Context>();
  readonly #frames = new Map<string, Frame>();
  /** Nothing but the end. */
  readonly end: Context = this.#context([this.#frame("end")]);

  /** First `term`, rest what `rest` says. */
  push(term: Term, rest: Context): Context {
    if (term.shape.kind === "empty") return rest;
    return this.#context([this.#frame(`${term.id},${rest.id}`, { term, rest })]);
  }

  union(a: Context, b: Context): Context {
    if (a === b) return a;
    const frames = [...new Set([...a.frames, ...b.frames])];
    return frames.length === a.frames.length ? a : this.#context(frames.sort((x, y) => x.id - y.id));
  }

  #frame(key: string, next?: Frame["next"]): Frame {
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    const frame: Frame = { id: this.#frames.size, ...(next === undefined ? {} : { next }) };
    this.#frames.set(key, frame);
    return frame;
  }

  #context(frames: readonly Frame[]): Context {
    const key = frames.map(({ id }) => id).join();
    const known = this.#contexts.get(key);
    if (known !== undefined) return known;
    const context: Context = { id: this.#contexts.size, frames };
    this.#contexts.set(key, context);
    return context;
  }
}
