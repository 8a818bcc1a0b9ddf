/**
 * Which addresses the local Worker may call scorers at. Their host names are judged by their letters; a public name can still
 * resolve to this machine or its network, so workerd itself refuses such addresses when it connects.
 */
import { isIP } from "node:net";
import { parseScorerAllow } from "../../shared/api/scorer-url.ts";
import { TrimtabError } from "../../shared/errors.ts";

/** A service binding of the Worker's. */
export interface ScorerNetwork {
  readonly network: { readonly allow: string[]; readonly tlsOptions: { readonly trustBrowserCas: true } };
}

/** Public addresses, those of SCORER_ALLOW, and private ones where it has names, which may resolve to any. */
export function scorerNetwork(scorerAllow: string | undefined): ScorerNetwork {
  const allow = new Set(["public"]);
  for (const { host } of parseScorerAllow(scorerAllow).origins) {
    const address = host.replace(/^\[|\]$/g, "");
    const family = isIP(address);
    allow.add(family === 0 ? "private" : `${address}/${family === 4 ? 32 : 128}`);
  }
  return { network: { allow: [...allow], tlsOptions: { trustBrowserCas: true } } };
}

/** The Worker lets an entry that it cannot read allow nothing, and would not say why a scorer is refused. */
export function checkScorerAllow(value: string | undefined): void {
  const [wrong] = parseScorerAllow(value).wrong;
  if (wrong === undefined) return;
  throw new TrimtabError(
    "invalid_request",
    `SCORER_ALLOW is ${JSON.stringify(value)}: ${JSON.stringify(wrong)} is no origin; set it to origins separated by commas, such as http://127.0.0.1:*, or leave it unset.`,
    { param: "SCORER_ALLOW" },
  );
}
