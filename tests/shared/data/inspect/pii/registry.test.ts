import { describe, expect, test } from "vitest";
import { findPii, masked, PII_KIND_NAMES, type PiiKindName } from "../../../../../shared/data/inspect/pii/registry.ts";

/** Numbers of checksums are made up, or those that issuers publish for tests; keys are random. */
const FOUND: Readonly<Record<PiiKindName, readonly string[]>> = {
  email: ["jane.doe@mail.org", "o'brien+news@post.co.uk".slice(2), "müller@straße.de"],
  phone: ["+49 30 901820", "(212) 555-0182", "0171 2345678", "+1-212-555-0182", "020 7946 0958"],
  card: ["4111 1111 1111 1111", "5555-5555-5555-4444", "378282246310005", "6011111111111117"],
  iban: ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "FR14 2004 1010 0505 0001 3M02 606"],
  national_id: [
    "536-90-4399",
    "AB 12 34 56 C",
    "12345678Z",
    "X1234567L",
    "1 85 05 78 006 084 91",
    "RSSMRA85T10A562S",
    "529.982.247-25",
    "11010519491231002X",
    "2341 2341 2346",
  ],
  ip_address: ["8.8.8.8", "2001:4860:4860::8888", "fe80:0:0:0:202:b3ff:fe1e:8329"],
  secret: [
    "AKIAQ3EGRIZ7ABCDEFGH",
    `ghp_${"a1B2c3D4e5".repeat(4).slice(0, 36)}`,
    "sk-proj-abc123def456ghi789jkl0",
    "password=Tr0ub4dor&3",
    "postgres://admin:s3cr3tpw@db.internal",
    "-----BEGIN RSA PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
  ],
};

const PASSED_OVER = [
  "Write to a@example.com or user@localhost.",
  "The years 2019-2020, on 2020-01-02 at 10:20:30, and 1,234,567,890 people.",
  "Pi is 3.14159265358979323846 and e is 2.718281828.",
  "Card 4111 1111 1111 1112 fails, and so does 1234 5678 9012 3456.",
  "IBAN DE89 3704 0044 0532 0130 01 has a wrong sum.",
  "SSN 000-12-3456 and 666-12-3456 are never given.",
  "Use 127.0.0.1, 192.0.2.7 or version 1.2.3.4 at 12:30:45.",
  "password: correcthorse, api_key = your_key_here1, token=<insert-token-1>",
  "ISBN 978-3-16-148410-0 and order 100-200-300.",
  "The CPF 111.111.111-11 is nobody's.",
  "x = a[1:2], y::z, std::vector, 16:9 and 4:3",
  "",
];

describe("findPii", () => {
  test.each(PII_KIND_NAMES.flatMap((kind) => FOUND[kind].map((value) => [kind, value] as const)))(
    "finds %s: %s",
    (kind, value) => {
      const text = `Here it is: ${value} and that is all`;
      const [found, ...others] = findPii(text);
      expect(found?.kind).toBe(kind);
      expect(text.slice(found!.start, found!.end)).toBe(value);
      expect(others).toEqual([]);
      expect(found!.shown).not.toContain(value.slice(2, -2));
    },
  );

  test.each(PASSED_OVER)("passes over %j", (text) => expect(findPii(text)).toEqual([]));

  test("needs a word before numbers that any digits could be", () => {
    expect(findPii("BSN: 111222333").map(({ kind }) => kind)).toEqual(["national_id"]);
    expect(findPii("Part 111222333")).toEqual([]);
    expect(findPii("Steuer-ID 86 095 742 719").map(({ kind }) => kind)).toEqual(["national_id"]);
    expect(findPii("call me: 555-123-4567").map(({ kind }) => kind)).toEqual(["phone"]);
  });

  test("ends in bounded time, with a bounded list, on texts that are made to be slow", () => {
    const hostile = [
      "a@",
      "a.",
      "1-",
      "12 ",
      "A1 ",
      "::",
      "password=",
      "eyJaaaaaaaaaaaa.eyJ",
      "9",
      "a://b:",
      "ffff:",
      "x1y2",
    ];
    for (const part of hostile) {
      /** The least processor time of three. */
      const time = (length: number) => {
        const text = part.repeat(length / part.length);
        const times = Array.from({ length: 3 }, () => {
          const started = process.cpuUsage();
          expect(findPii(text).length).toBeLessThanOrEqual(64);
          return process.cpuUsage(started).user / 1000;
        });
        return Math.min(...times);
      };
      const [short, long] = [time(25_000), time(100_000)];
      // Four times would be linear, sixteen times quadratic.
      expect(long, part).toBeLessThan(10 * Math.max(short, 5));
    }
  });
});

describe("masked", () => {
  test("shows the ends of a long value, and less of a short one", () => {
    expect(masked("jane.doe@mail.org")).toBe("ja…rg");
    expect(masked("8.8.8.8")).toBe("8…");
  });
});
