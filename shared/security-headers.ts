/** Headers that every reply has: nothing here is to be guessed at, framed, or told of by the links on it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "x-frame-options": "DENY",
};

/**
 * For all but pages: whatever a browser takes a reply for, nothing in it runs, loads or is framed. Replies are a tenant's own, so
 * no cache between keeps them.
 */
export const DATA_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
};
