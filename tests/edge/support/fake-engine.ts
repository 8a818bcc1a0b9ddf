import {
  encodeEvent,
  type GenerateEvent,
  type GenerateRequest,
  type StartEvent,
} from "../../../edge/serving/protocol.ts";

/** Of a model without defaults of its own. */
export const START: StartEvent = { type: "start", temperature: 1, topP: 1, maxTokens: null };

type Script = (request: GenerateRequest) => AsyncIterable<GenerateEvent> | Iterable<GenerateEvent>;

/** Stands in for the Engine's binding: answers with the events that its script makes. */
export class FakeEngine {
  /** What was asked, and of which object. */
  readonly requests: { readonly name: string; readonly request: GenerateRequest }[] = [];
  /** How often a reader left before the end. */
  cancelled = 0;
  script: Script = echo;
  /** The first event of every answer, whatever the script. */
  start: StartEvent = START;

  get binding(): DurableObjectNamespace {
    return {
      idFromName: (name: string) => name,
      get: (name: string) => ({
        fetch: (_url: string, init: { body: string }) => this.#answer(name, JSON.parse(init.body)),
      }),
    } as unknown as DurableObjectNamespace;
  }

  async #answer(name: string, request: GenerateRequest): Promise<Response> {
    this.requests.push({ name, request });
    const events = all([this.start], this.script(request));
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const { done, value } = await events.next();
          if (done) controller.close();
          else controller.enqueue(encodeEvent(value));
        },
        cancel: async () => {
          this.cancelled++;
          await events.return();
        },
      },
      { highWaterMark: 0 },
    );
    return new Response(body);
  }
}

/** Every choice says "hello" in two tokens. */
export function* echo({ sampling, prompt }: GenerateRequest): Generator<GenerateEvent> {
  const prompts = prompt.kind === "chat" ? 1 : prompt.prompts.length;
  const choices = prompts * sampling.n;
  const logprob = (token: string) => ({ id: 0, token, bytes: [...new TextEncoder().encode(token)], logprob: -0.5 });
  for (const text of ["hel", "lo"]) {
    for (let choice = 0; choice < choices; choice++) {
      const top = Array.from({ length: sampling.topLogprobs ?? 0 }, (_, i) => logprob(`${text}${i}`));
      const logprobs = sampling.topLogprobs === null ? {} : { logprobs: [{ ...logprob(text), top }] };
      yield { type: "token", choice, text, ...logprobs };
    }
  }
  for (let choice = 0; choice < choices; choice++) yield { type: "finish", choice, reason: "stop" };
  yield { type: "usage", promptTokens: 7, completionTokens: 2 * choices, cachedTokens: 0 };
}

async function* all(
  ...parts: readonly (AsyncIterable<GenerateEvent> | Iterable<GenerateEvent>)[]
): AsyncGenerator<GenerateEvent, void> {
  for (const events of parts) yield* events;
}
