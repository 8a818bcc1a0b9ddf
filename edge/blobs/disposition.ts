/** Reads the Content-Disposition of a form's part (RFC 7578), as browsers, curl and HTTP libraries write it. */
export interface Disposition {
  readonly name: string | null;
  /** The file's own name, without the folders that it was in. */
  readonly filename: string | null;
}

/**
 * Reads the header lines of a part. A part may state the file's name twice. `filename*` (RFC 5987) has every character
 * while `filename` may be a poor copy, so a readable `filename*` takes precedence.
 */
export function disposition(header: string): Disposition {
  const line = header.split("\r\n").find((candidate) => /^content-disposition\s*:/i.test(candidate)) ?? "";
  const given = parameters(line);
  const extended = given.get("filename*");
  const filename = (extended && decodeExtended(extended)) || given.get("filename");
  return { name: given.get("name") ?? null, filename: filename === undefined ? null : withoutFolders(filename) };
}

/** The parameters after a header's value; of two with one name, the first counts. .NET quotes only where it has to. */
function parameters(line: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, name = "", quoted, token] of line.matchAll(
    /;\s*([^\s=;"]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/g,
  )) {
    const value = quoted === undefined ? token : unquoted(quoted);
    if (value !== undefined && !found.has(name.toLowerCase())) found.set(name.toLowerCase(), value);
  }
  return found;
}

/**
 * The text inside quotes. Browsers and most libraries write `"`, CR and LF as `%22`, `%0D` and `%0A` and nothing else
 * in that way, so `%20` and `%25` are part of the name; older curl and httpx write `\"` and `\\`. Any other backslash
 * is literal, because browsers do not escape it.
 */
function unquoted(text: string): string {
  return text
    .replaceAll(/\\(["\\])/g, "$1")
    .replaceAll(/%22/g, '"')
    .replaceAll(/%0d/gi, "\r")
    .replaceAll(/%0a/gi, "\n");
}

const CHARSETS: Readonly<Record<string, string>> = { "utf-8": "utf-8", "iso-8859-1": "latin1" };

/** `UTF-8''%e2%82%ac.jsonl` → `€.jsonl`; undefined if it is malformed or not text. */
function decodeExtended(value: string): string | undefined {
  const [, charset = "", encoded = ""] = /^([\w-]+)'[^']*'(.*)$/s.exec(value) ?? [];
  const encoding = CHARSETS[charset.toLowerCase()];
  if (encoding === undefined || /%(?![0-9a-f]{2})/i.test(encoded)) return undefined;
  const bytes = [...encoded.matchAll(/%([0-9a-f]{2})|([^%]+)/gi)].flatMap(([, hex, plain = ""]) =>
    hex === undefined ? [...new TextEncoder().encode(plain)] : [Number.parseInt(hex, 16)],
  );
  try {
    return new TextDecoder(encoding, { fatal: true, ignoreBOM: true }).decode(new Uint8Array(bytes));
  } catch {
    return undefined;
  }
}

/** The header of a download: a name in plain letters, and where that is a poor copy, `filename*` with all of it. */
export function attachment(filename: string): string {
  const plain = filename.replaceAll(/[^\w.-]/g, "_");
  if (plain === filename) return `attachment; filename="${plain}"`;
  // A name may contain half of a surrogate pair, which has no UTF-8 form.
  const encoded = encodeURIComponent(filename.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16)}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

/**
 * A name without a path: old browsers and scripts send `C:\data\train.jsonl` or `data/train.jsonl`. Outside Windows
 * paths, a backslash may be part of a name.
 */
function withoutFolders(path: string): string {
  const isWindows = /^(?:[a-z]:[\\/]|\\\\)/i.test(path);
  const name = path.slice(Math.max(path.lastIndexOf("/"), isWindows ? path.lastIndexOf("\\") : -1) + 1);
  return name === "." || name === ".." ? "" : name;
}
