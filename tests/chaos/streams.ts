/** Streams of a tenant that attacks nobody: what it waits for, how its streams end, and what it is charged. */
import { serverSentData } from "../../infra/start/api-client.ts";
import type { Tenant } from "./tenant.ts";

export const MODEL = "trimtab-base";

/** `cut`: the reply ended as if it were whole, without its last event. `failed`: the connection broke, or an error event came. */
export type End = "whole" | "failed" | "cut" | "refused";

export interface Observed {
  /** Milliseconds without a token, at most; a stream that failed counts up to the first token after it. */
  gap: number;
  readonly ends: Record<End, number>;
  /** Replies of 500 and above. */
  failures: number;
}

export const nothing = (): Observed => ({ gap: 0, ends: { whole: 0, failed: 0, cut: 0, refused: 0 }, failures: 0 });

/** A stream that is silent for longer is stuck, which its gap then shows. */
const FLOWING_MS = 60_000;

export class Streams {
  readonly #tenant: Tenant;
  readonly #running: Promise<void>[] = [];
  #observed = nothing();
  #stopped = false;
  /** When each stream had its last token. */
  readonly #heard: number[];
  /** Tokens of the replies that came whole. */
  tokens = 0;

  constructor(tenant: Tenant, count: number) {
    this.#tenant = tenant;
    this.#heard = new Array<number>(count).fill(performance.now());
    for (let n = 0; n < count; n++) this.#running.push(this.#run(n));
  }

  /** What was observed since the last call. */
  take(): Observed {
    const taken = this.#observed;
    this.#observed = nothing();
    return taken;
  }

  /** Resolves once every stream has had a token, so that what comes of an attack counts as its own. */
  async flowing(): Promise<void> {
    const late = performance.now() + FLOWING_MS;
    const before = [...this.#heard];
    while (this.#heard.some((at, n) => at === before[n]) && performance.now() < late) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }

  async #run(n: number): Promise<void> {
    const token = (): void => {
      const now = performance.now();
      this.#observed.gap = Math.max(this.#observed.gap, now - this.#heard[n]!);
      this.#heard[n] = now;
    };
    for (let turn = 0; !this.#stopped; turn++) {
      const end = await this.#stream(`Story ${n}.${turn}: once upon a time`, token);
      this.#observed.ends[end] += 1;
      if (end !== "whole") await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  async #stream(content: string, token: () => void): Promise<End> {
    const body = {
      ...{ model: MODEL, max_tokens: 60, stream: true, stream_options: { include_usage: true } },
      messages: [{ role: "user", content }],
    };
    let used: number | undefined;
    try {
      const response = await this.#tenant.open("POST", "/v1/chat/completions", body);
      if (!response.ok || response.body === null) {
        if (response.status >= 500) this.#observed.failures += 1;
        await response.arrayBuffer();
        return "refused";
      }
      for await (const data of serverSentData(response.body as ReadableStream<Uint8Array<ArrayBuffer>>)) {
        if (data === "[DONE]") {
          this.tokens += used ?? 0;
          return "whole";
        }
        const event = JSON.parse(data) as { error?: unknown; usage?: { completion_tokens: number } | null };
        if (event.error !== undefined) return "failed";
        used = event.usage?.completion_tokens ?? used;
        token();
      }
    } catch {
      return "failed";
    }
    return "cut";
  }
}
