import { allOf, type PiiKind } from "./kind.ts";

/** Domains that RFC 2606 and RFC 6761 set aside for examples. */
const EXAMPLES = /(?:^|\.)(?:example(?:\.(?:com|net|org))?|test|invalid|localhost)$/i;

export const email: PiiKind = {
  about: "e-mail addresses",
  needs: "at",
  pattern:
    /(?<![\p{L}\p{N}._%+-])[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.){1,8}\p{L}{2,24}(?![\p{L}\p{N}-])/gu,
  accepts: (found) => allOf(found, !EXAMPLES.test(found.slice(found.lastIndexOf("@") + 1))),
};
