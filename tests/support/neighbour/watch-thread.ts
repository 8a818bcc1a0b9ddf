/**
 * A thread that reads streams of one tenant and remembers when each of their tokens came, so that what the main thread builds and
 * sends meanwhile does not disturb the times.
 */
import { parentPort, workerData } from "node:worker_threads";

export interface WatchedStreams {
  readonly url: string;
  readonly key: string;
  readonly model: string;
}

/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** The longest that a stream was silent, and that a timer of this thread was late, within a stretch. */
export interface Observed {
  readonly gap: number;
  readonly late: number;
  readonly tokens: number;
}

const STREAMS = 2;
const TOKENS = 440;
const EVERY_MS = 5;
/** What the embedded base says to it has text in every token: a token without any sends nothing, and would look like silence. */
const PROMPT = "x";

const { url, key, model } = workerData as WatchedStreams;
const now = (): number => performance.timeOrigin + performance.now();
/** Pairs of consecutive tokens of one stream, and of consecutive ticks of the timer. */
const silences: Stretch[] = [];
const ticks: Stretch[] = [];
/** When each open stream last spoke. */
const open = new Map<number, number>();

async function readForEver(stream: number): Promise<void> {
  for (;;) {
    try {
      await readOnce(stream);
    } catch (error) {
      parentPort!.postMessage({ failed: String(error) });
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      open.delete(stream);
    }
  }
}

async function readOnce(stream: number): Promise<void> {
  const body = { model, prompt: PROMPT, temperature: 0, max_tokens: TOKENS, ignore_eos: true, stream: true };
  const response = await fetch(`${url}/v1/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`the watched stream was refused: ${response.status} ${await response.text()}`);
  for await (const _ of response.body!) {
    const at = now();
    const last = open.get(stream);
    if (last !== undefined) silences.push({ from: last, to: at });
    open.set(stream, at);
  }
}

/** The longest of the stretches that touch `asked`. */
function longest(stretches: readonly Stretch[], { from, to }: Stretch): number {
  return stretches
    .filter((one) => one.to > from && one.from < to)
    .reduce((most, one) => Math.max(most, one.to - one.from), 0);
}

parentPort!.on("message", (asked: Stretch) => {
  const at = now();
  const unfinished = [...open.values()].map((from) => ({ from, to: at }));
  const seen = [...silences, ...unfinished];
  const observed: Observed = {
    gap: longest(seen, asked),
    late: Math.max(0, longest(ticks, asked) - EVERY_MS),
    tokens: silences.filter(({ to }) => to > asked.from && to < asked.to).length,
  };
  parentPort!.postMessage({ observed });
});

let tick = now();
setInterval(() => {
  const at = now();
  ticks.push({ from: tick, to: at });
  tick = at;
}, EVERY_MS);
// Half a stream apart: while one starts again, the other speaks.
for (let stream = 0; stream < STREAMS; stream++) setTimeout(() => void readForEver(stream), stream * 700);
