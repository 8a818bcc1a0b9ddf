import { expect, it } from "vitest";
import { signatureHeaders } from "../../../edge/scoring/signature.ts";

const body = new TextEncoder().encode('{"candidates":[]}');

// printf '1700000000.{"candidates":[]}' | openssl dgst -sha256 -hmac 0123456789abcdef
it("is the HMAC of the time and the body", async () => {
  expect(await signatureHeaders("0123456789abcdef", body, 1_700_000_000)).toEqual({
    "x-trimtab-timestamp": "1700000000",
    "x-trimtab-signature": "sha256=5a56360490dfecb73b1cf61d58431147a8b41ca02d1c4af56a330db73a698933",
  });
});

it("is left out without a secret", async () => {
  expect(await signatureHeaders(null, body, 1)).toEqual({ "x-trimtab-timestamp": "1" });
});
