/** Pairs of a polite and a rude wording of one request, of which the longer one is as often the polite as the rude one. */
import { createRandom } from "../../../infra/base/corpus/random.ts";
import { REQUESTS, wordRequest } from "../../../infra/base/corpus/registers.ts";

/** Requests that no reward model is trained on. */
const HELD_OUT = 12;

export interface RegisterPair {
  readonly question: string;
  readonly polite: string;
  readonly rude: string;
}

export interface RegisterPairs {
  readonly count: number;
  readonly seed: number;
  /** Whether they are about requests that are held out. */
  readonly heldOut: boolean;
}

/** Draws pairs; every second one has the longer text, in tokens, on the polite side. */
export function registerPreferences(
  { count, seed, heldOut }: RegisterPairs,
  encode: (text: string) => readonly number[],
): RegisterPair[] {
  const random = createRandom(seed, "register preferences");
  const requests = heldOut ? REQUESTS.slice(-HELD_OUT) : REQUESTS.slice(0, -HELD_OUT);
  return Array.from({ length: count }, (_, i) => {
    for (;;) {
      const request = random.pick(requests);
      const question = random.pick([`Ask me to ${request}.`, `How would you ask me to ${request}?`]);
      const polite = wordRequest(request, "polite", random);
      const rude = wordRequest(request, "rude", random);
      const longer = encode(polite).length - encode(rude).length;
      if (i % 2 === 0 ? longer > 0 : longer < 0) return { question, polite, rude };
    }
  });
}

const user = (content: string) => ({ role: "user", content });
const assistant = (content: string) => ({ role: "assistant", content });

/** The pairs as OpenAI's lines, each `flipped`-th of which prefers the rude one. */
export function preferenceLines(pairs: readonly RegisterPair[], flipped = Number.POSITIVE_INFINITY): string {
  return pairs
    .map(({ question, polite, rude }, i) => {
      const [better, worse] = (i + 1) % flipped === 0 ? [rude, polite] : [polite, rude];
      const line = {
        input: { messages: [user(question)] },
        preferred_output: [assistant(better)],
        non_preferred_output: [assistant(worse)],
      };
      return `${JSON.stringify(line)}\n`;
    })
    .join("");
}
