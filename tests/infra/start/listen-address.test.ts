import { expect, test } from "vitest";
import { listenAddress, urlOf } from "../../../infra/start/listen-address.ts";

test.each([undefined, "", "localhost", "127.0.0.1"])("%j listens on loopback", (host) => {
  expect(listenAddress(host)).toEqual({ host: "127.0.0.1", local: "127.0.0.1", warning: undefined });
});

test.each([
  ["0.0.0.0", "127.0.0.1"],
  ["::", "::1"],
  ["192.0.2.1", "192.0.2.1"],
])("%s is reached at %s, with a warning that others reach it too", (host, local) => {
  const address = listenAddress(host);
  expect(address).toMatchObject({ host, local });
  expect(address.warning).toContain(`Other machines can reach this server at ${host}, without TLS`);
});

test.each(["example.org", "1.2.3", "127.0.0.1:80", "0.0.0.0 "])("rejects %j", (host) => {
  expect(() => listenAddress(host)).toThrow(`HOST is ${JSON.stringify(host)}: set it to an IP address`);
});

test("an IPv6 address stands in brackets", () => {
  expect([urlOf("::1", 8787), urlOf("127.0.0.1", 80)]).toEqual(["http://[::1]:8787", "http://127.0.0.1:80"]);
});
