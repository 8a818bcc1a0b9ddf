/** A tenant of the attacked stack, which calls the API once for each call and hears every failure. */

/** `status` is 0 where no whole reply came. */
export interface Reply {
  readonly status: number;
  readonly text: string;
}

type Body = string | FormData | object;

export class Tenant {
  readonly #url: string;
  readonly #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  async call(
    method: string,
    path: string,
    body?: Body,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Reply> {
    try {
      const response = await this.open(method, path, body, { headers });
      return { status: response.status, text: await response.text() };
    } catch {
      return { status: 0, text: "" };
    }
  }

  /** A reply whose body is yet to be read. Rejects where none begins. */
  async open(
    method: string,
    path: string,
    body?: Body,
    {
      headers = {},
      longest = 60_000,
    }: { readonly headers?: Readonly<Record<string, string>>; readonly longest?: number } = {},
  ): Promise<Response> {
    const isForm = body instanceof FormData;
    const type: Record<string, string> = body === undefined || isForm ? {} : { "content-type": "application/json" };
    const sent = body === undefined ? {} : { body: isForm || typeof body === "string" ? body : JSON.stringify(body) };
    return await fetch(this.#url + path, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, ...type, ...headers },
      signal: AbortSignal.timeout(longest),
      ...sent,
    });
  }

  /** Repeats a call until the server answers it with anything but a failure of its own. */
  async ask(method: string, path: string, body?: Body): Promise<Reply> {
    for (let attempt = 0; ; attempt++) {
      const reply = await this.call(method, path, body);
      if ((reply.status > 0 && reply.status < 500 && reply.status !== 429) || attempt === 60) return reply;
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

/** The value at a field of a reply's JSON; undefined where there is none. */
export function field(reply: Reply, name: string): unknown {
  try {
    return (JSON.parse(reply.text) as Record<string, unknown>)[name];
  } catch {
    return undefined;
  }
}
