import { createServer, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { choosePort, HOST } from "../../../infra/start/free-port.ts";

async function occupy(port: number): Promise<number> {
  const server: Server = createServer();
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, HOST, resolve);
  });
  return (server.address() as { port: number }).port;
}

test("takes the requested port", async () => {
  const taken = await occupy(0);
  await expect(choosePort(String(taken))).rejects.toThrow(
    `Port ${taken} is in use. Set PORT to another one, or leave it unset.`,
  );
  expect(await choosePort("0")).toBeGreaterThan(1023);
});

test.each(["http", "-1", "8787.5", "65536", " 80"])("rejects %j", async (wanted) => {
  await expect(choosePort(wanted)).rejects.toThrow(
    `PORT is ${JSON.stringify(wanted)}: set it to a number up to 65535.`,
  );
});

test("defaults to the first free port from 8787 on", async () => {
  const first = await choosePort(undefined);
  expect(first).toBeGreaterThanOrEqual(8787);
  await occupy(first);
  expect(await choosePort("")).toBeGreaterThan(first);
});

test("names an address that this machine does not have", async () => {
  await expect(choosePort("0", "203.0.113.7")).rejects.toThrow(
    "This machine has no address 203.0.113.7. Set HOST to an address that it has, or leave it unset for 127.0.0.1.",
  );
});
