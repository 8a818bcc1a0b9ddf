import { createServer } from "node:net";
import { TrimtabError } from "../../shared/errors.ts";

/** Loopback: where the server listens unless HOST says otherwise. */
export const HOST = "127.0.0.1";
const FIRST_PORT = 8787;
const TRIED_PORTS = 100;

/**
 * The port to serve on: the requested one (0: any free port), otherwise the first free one from 8787 on.
 *
 * @param requested the environment variable PORT
 * @param host the IP address to listen on
 * @throws TrimtabError invalid_request if `requested` is not a port, or if this user may not listen on it, or if this machine
 * does not have the address; conflict if the port is in use.
 */
export async function choosePort(requested: string | undefined, host: string = HOST): Promise<number> {
  if (requested !== undefined && requested !== "") {
    const port = Number(requested);
    if (!/^\d{1,5}$/.test(requested) || port > 65_535) {
      throw new TrimtabError(
        "invalid_request",
        `PORT is ${JSON.stringify(requested)}: set it to a number up to 65535.`,
        { param: "PORT" },
      );
    }
    const free = await listenOnce(port, host);
    if (free !== undefined) return free;
    throw new TrimtabError("conflict", `Port ${port} is in use. Set PORT to another one, or leave it unset.`);
  }
  for (let port = FIRST_PORT; port < FIRST_PORT + TRIED_PORTS; port++) {
    if ((await listenOnce(port, host)) !== undefined) return port;
  }
  throw new TrimtabError(
    "conflict",
    `Ports ${FIRST_PORT} to ${FIRST_PORT + TRIED_PORTS - 1} are all in use. Set PORT to a free one.`,
  );
}

/** Binds the port briefly and returns it; undefined if it is in use. */
function listenOnce(port: number, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why = whyNot(error.code, port, host);
      if (why === undefined) resolve(undefined);
      else reject(why);
    });
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(bound));
    });
  });
}

/** undefined: another program has the port, so that another one may be free. */
function whyNot(code: string | undefined, port: number, host: string): TrimtabError | undefined {
  if (code === "EACCES") {
    const message = `This user may not listen on port ${port}. Set PORT to one from 1024 on.`;
    return new TrimtabError("invalid_request", message, { param: "PORT" });
  }
  if (code === "EADDRNOTAVAIL") {
    const message = `This machine has no address ${host}. Set HOST to an address that it has, or leave it unset for ${HOST}.`;
    return new TrimtabError("invalid_request", message, { param: "HOST" });
  }
  return undefined;
}
