import OpenAI from "openai";
import type { Api } from "./api.ts";

/** The official SDK, talking to the routes without a network. `sent` hears of every request. */
export function openai(api: Api, apiKey: string, sent: () => void = () => {}): OpenAI {
  return new OpenAI({
    apiKey,
    // Permissions of checkpoints are asked for with this one.
    adminAPIKey: apiKey,
    baseURL: "https://trimtab.test/v1",
    maxRetries: 0,
    fetch: async (url, init) => {
      sent();
      const { pathname, search } = new URL(url instanceof Request ? url.url : url);
      const headers = Object.fromEntries(new Headers(init?.headers).entries());
      const { body, signal } = init ?? {};
      return api.send(init?.method ?? "GET", pathname + search, {
        headers,
        ...(body == null ? {} : { body }),
        ...(signal == null ? {} : { signal }),
      });
    },
  });
}

/** Everything that an iterable yields. */
export async function collected<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}
