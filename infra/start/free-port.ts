import { createServer } from "node:net";
import { TrimtabError } from "../../shared/errors.ts";

export const HOST = "127.0.0.1";
const FIRST_PORT = 8787;
const TRIED_PORTS = 100;

/**
 * The port to serve on: the requested one (0: any free port), otherwise the first free one from 8787 on.
 *
 * @param requested the environment variable PORT
 * @throws TrimtabError invalid_request if `requested` is not a port, conflict if it is in use.
 */
export async function choosePort(requested: string | undefined): Promise<number> {
  if (requested !== undefined && requested !== "") {
    const port = Number(requested);
    if (!/^\d{1,5}$/.test(requested) || port > 65_535) {
      throw new TrimtabError(
        "invalid_request",
        `PORT is ${JSON.stringify(requested)}: set it to a number up to 65535.`,
      );
    }
    const free = await listenOnce(port);
    if (free !== undefined) return free;
    throw new TrimtabError("conflict", `Port ${port} is in use. Set PORT to another one, or leave it unset.`);
  }
  for (let port = FIRST_PORT; port < FIRST_PORT + TRIED_PORTS; port++) {
    if ((await listenOnce(port)) !== undefined) return port;
  }
  throw new TrimtabError(
    "conflict",
    `Ports ${FIRST_PORT} to ${FIRST_PORT + TRIED_PORTS - 1} are all in use. Set PORT to a free one.`,
  );
}

/** Binds the port briefly and returns it; undefined if it is in use. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host: HOST, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}
