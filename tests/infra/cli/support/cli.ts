/** Runs the `trimtab` program in this process, against a server whose replies a test gives. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { onTestFinished } from "vitest";
import { program } from "../../../../infra/cli/program.mjs";

export interface CliRun {
  /** Standard output. */
  readonly out: string;
  /** What was written with an exit status. */
  readonly failed: string;
  readonly progress: string;
  readonly status: number;
}

/** Runs one command; `lines` are standard input. */
export async function runCli(words: readonly string[], { env = {}, lines = [] }: RunOptions = {}): Promise<CliRun> {
  let [out, failed, progress, status] = ["", "", "", 0];
  await program({
    print: (text) => {
      out += text;
    },
    fail: (text, code) => {
      failed += text;
      status = code;
    },
    progress: {
      write: (text) => {
        progress += text;
      },
    },
    input: Readable.from(lines.map((line) => `${line}\n`)),
    env,
    now: () => 0,
    sleep: async () => {},
  })(words);
  return { out, failed, progress, status };
}

interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly lines?: readonly string[];
}

export interface Seen {
  readonly line: string;
  readonly body: string;
}

/** As a reply: the server refuses the call with this message. */
export class Refusal {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/**
 * A server that gives each call, such as `GET /v1/models`, its next reply, and the last of them again and again: an object as JSON, a
 * list of chunks as server-sent events. Any other call gets a 404. Returns the environment that points the program at it.
 */
export async function fakeApi(replies: Readonly<Record<string, readonly unknown[]>>) {
  const seen: Seen[] = [];
  const left = new Map(Object.entries(replies).map(([line, queue]) => [line, [...queue]]));
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const line = `${request.method} ${request.url}`;
    seen.push({ line, body: Buffer.concat(chunks).toString() });
    const queue = left.get(line) ?? [];
    const reply = queue.length > 1 ? queue.shift() : queue[0];
    if (Array.isArray(reply)) {
      response.end(`${reply.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("")}data: [DONE]\n\n`);
      return;
    }
    const { status, reply: body } =
      reply instanceof Refusal
        ? { status: 400, reply: { error: { message: reply.message, code: "invalid_request", param: null, type: "t" } } }
        : reply !== undefined
          ? { status: 200, reply }
          : {
              status: 404,
              reply: { error: { message: `There is no ${line}.`, code: "not_found", param: null, type: "t" } },
            };
    response.statusCode = status;
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  return { env: { OPENAI_BASE_URL: url, OPENAI_API_KEY: "tt_demo_x" }, seen };
}
