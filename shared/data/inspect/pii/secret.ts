import { allOf, isRepeated, type PiiKind } from "./kind.ts";

/** Keys that name their issuer, private keys, tokens, addresses with a password in them, and what is assigned to a secret's name. */
const ISSUED = [
  "AKIA[0-9A-Z]{16}",
  "ASIA[0-9A-Z]{16}",
  "AIza[\\w-]{35}",
  "gh[pousr]_[A-Za-z0-9]{36,251}",
  "github_pat_\\w{22,244}",
  "glpat-[\\w-]{20,64}",
  "sk-ant-[\\w-]{24,200}",
  "sk-(?:proj-|svcacct-)?[A-Za-z0-9_-]{20,200}",
  "[sr]k_(?:live|test)_[A-Za-z0-9]{16,99}",
  "xox[abeoprs]-[A-Za-z0-9-]{10,200}",
  "SG\\.[\\w-]{16,32}\\.[\\w-]{16,64}",
  "npm_[A-Za-z0-9]{36}",
  "pypi-[\\w-]{50,250}",
  "hf_[A-Za-z0-9]{30,40}",
  "eyJ[\\w-]{10,2000}\\.eyJ[\\w-]{10,4000}\\.[\\w-]{10,1000}",
  "-----BEGIN (?:[A-Z]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----",
  "[a-z][a-z0-9+.-]{1,20}://[^\\s:/@]{1,64}:[^\\s:/@]{3,128}@[\\w.-]{3,253}",
];
const ASSIGNED =
  "(?:pass(?:word|wd|phrase)|secret(?:[_-]?key)?|api[_-]?key|access[_-]?token|auth[_-]?token|client[_-]?secret|private[_-]?key)[\"']?\\s{0,3}(?:=|:|=>)\\s{0,3}[\"']?[^\\s\"',;<>(){}\\[\\]]{8,200}";

/** What stands for a secret in examples. */
const PLACEHOLDER =
  /your|example|placeholder|xxxx|\*\*\*|\.\.\.|changeme|dummy|sample|redacted|<[a-z]|\$\{|process\.env|os\.environ|insert[_-]|[_-]here\b/i;

export const secret: PiiKind = {
  about: "keys, tokens and passwords",
  needs: "token",
  pattern: new RegExp(`(?<![A-Za-z0-9])(?:${ISSUED.join("|")}|(?:${caseless(ASSIGNED)}))`, "g"),
  accepts: (found) => allOf(found, isSecret(found)),
};

function isSecret(found: string): boolean {
  if (found.startsWith("-----")) return true;
  const assigned = /^[\w-]+["']?\s*(?:=>|=|:)\s*["']?(.+)$/s.exec(found);
  const isIssued = !/^(?:pass|secret|api|access|auth|client|private)/i.test(found);
  const value = isIssued ? found : (assigned?.[1] ?? "");
  if (PLACEHOLDER.test(value) || isRepeated(value.slice(-8))) return false;
  // A plain word behind "password:" is prose.
  return isIssued || (/\d/.test(value) && /[A-Za-z]/.test(value));
}

/** The same pattern for letters in either case, where the rest of the pattern minds it. */
function caseless(source: string): string {
  return source.replace(/\\.|[a-z]/g, (token) => (token.length === 1 ? `[${token}${token.toUpperCase()}]` : token));
}
