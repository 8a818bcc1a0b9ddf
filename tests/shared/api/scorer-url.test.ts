import { describe, expect, it } from "vitest";
import { parseScorerAllow, requireScorerUrl } from "../../../shared/api/scorer-url.ts";

const NOTHING = parseScorerAllow();

describe("a scorer's address", () => {
  it.each([
    ["https://scores.trimtab.dev/v1?k=1", "https://scores.trimtab.dev/v1?k=1"],
    ["https://SCORES.Trimtab.dev:443", "https://scores.trimtab.dev/"],
    ["https://bücher.de/", "https://xn--bcher-kva.de/"],
    ["https://10.example.com.de/", "https://10.example.com.de/"],
    ["https://internal-scores.dev/", "https://internal-scores.dev/"],
  ])("%s is allowed", (text, href) => {
    expect(requireScorerUrl(text, NOTHING).href).toBe(href);
  });

  it.each([
    ["http://scores.trimtab.dev/", "is not HTTPS"],
    ["https://scores.trimtab.dev:8443/", "names the port 8443"],
    ["https://scores.trimtab.dev:80/", "names the port 80"],
    // One loopback address in every notation, then other ranges, then a public one: no address at all is a host name.
    ["https://127.0.0.1/", "an IP address"],
    ["https://2130706433/", "an IP address"],
    ["https://0x7f000001/", "an IP address"],
    ["https://0x7f.1/", "an IP address"],
    ["https://0177.0.0.1/", "an IP address"],
    ["https://127.1/", "an IP address"],
    ["https://127.0.0.1./", "an IP address"],
    ["https://１２７.０.０.１/", "an IP address"],
    ["https://127。0。0。1/", "an IP address"],
    ["https://%31%32%37.0.0.1/", "an IP address"],
    ["https://[::1]/", "an IP address"],
    ["https://[::ffff:127.0.0.1]/", "an IP address"],
    ["https://[0:0:0:0:0:ffff:7f00:1]/", "an IP address"],
    ["https://[64:ff9b::7f00:1]/", "an IP address"],
    ["https://[fe80::1]/", "an IP address"],
    ["https://[fd00:ec2::254]/", "an IP address"],
    ["https://0/", "an IP address"],
    ["https://10.0.0.1/", "an IP address"],
    ["https://169.254.169.254/latest/meta-data", "an IP address"],
    ["https://93.184.216.34/", "an IP address"],
    ["https://localhost/", "it has no domain"],
    ["https://metadata/", "it has no domain"],
    ["https://localhost./", "it has no domain"],
    ["https://a.localhost/", "no public host"],
    ["https://LOCALHOST.localdomain/", "no public host"],
    ["https://metadata.google.internal/", "no public host"],
    ["https://metadata.google.internal./", "no public host"],
    ["https://printer.local/", "no public host"],
    ["https://router.home.arpa/", "no public host"],
    ["https://1.0.0.127.in-addr.arpa/", "no public host"],
    ["https://scores.trimtab.dev../", "it has no domain"],
  ])("%s is refused", (text, why) => {
    expect(() => requireScorerUrl(text, NOTHING)).toThrow(
      expect.objectContaining({
        code: "permission_denied",
        param: "url",
        message: expect.stringMatching(new RegExp(`${why}.*SCORER_ALLOW`)),
      }),
    );
  });

  it.each([
    ["https://me:pw@scores.trimtab.dev/", "must not have a user name"],
    ["https://me@scores.trimtab.dev/", "must not have a user name"],
    ["https://scores.trimtab.dev/#part", "must not have a fragment"],
    ["https://scores.trimtab.dev/#", "must not have a fragment"],
    ["ftp://scores.trimtab.dev/", "must be an address"],
    ["file:///etc/passwd", "must be an address"],
    ["data:text/plain,hi", "must be an address"],
    ["scores.trimtab.dev", "must be an address"],
    ["https://", "must be an address"],
    ["https://[::1/", "must be an address"],
    [`https://scores.trimtab.dev/${"a".repeat(2048)}`, "must have at most 2048 characters"],
  ])("%s is no address of a scorer", (text, why) => {
    expect(() => requireScorerUrl(text, NOTHING)).toThrow(
      expect.objectContaining({ code: "invalid_request", message: expect.stringContaining(why) }),
    );
  });
});

describe("SCORER_ALLOW", () => {
  const allow = parseScorerAllow(
    " http://127.0.0.1:*, https://scores.trimtab.dev:8443,https://*.corp.dev , http://[::1]:9000, http://lab ",
  );

  it.each([
    "http://127.0.0.1:8080/",
    "http://127.0.0.1/",
    "http://2130706433:99/",
    "https://scores.trimtab.dev:8443/",
    "https://a.b.corp.dev/",
    "http://[0::1]:9000/",
    "http://lab/x",
  ])("opens %s", (text) => {
    expect(requireScorerUrl(text, allow).href).toBeTypeOf("string");
  });

  it.each([
    "https://127.0.0.1/",
    "http://127.0.0.2:8080/",
    "https://scores.trimtab.dev:8444/",
    "https://a.b.corp.dev:444/",
    "http://corp.dev/",
    "http://evil-corp.dev/",
    "http://[::1]/",
    "http://lab:81/",
  ])("leaves %s closed", (text) => {
    expect(() => requireScorerUrl(text, allow)).toThrow(expect.objectContaining({ code: "permission_denied" }));
  });

  it("still takes no password", () => {
    expect(() => requireScorerUrl("http://me:pw@127.0.0.1/", allow)).toThrow("must not have a user name");
  });

  it("says which entries it cannot read, and opens nothing for them", () => {
    const wrong = ["*", "127.0.0.1", "https://*:*", "http://a:70000", "ftp://a", "http://a/path", "http://u@a"];
    expect(parseScorerAllow(wrong.join(","))).toEqual({ origins: [], wrong });
    expect(parseScorerAllow("")).toEqual({ origins: [], wrong: [] });
  });
});
