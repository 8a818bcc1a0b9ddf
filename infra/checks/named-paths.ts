/** Checks that the files and folders that a document names exist. */
import { posix } from "node:path";

/** The start of a repository path in running text, a code block or a link's text. */
const PATH = /(?<![\w./-])((?:shared|edge|trainer|infra|tests)\/[\w./<>-]*)/g;
/** A markdown link's target, without its anchor. */
const LINK = /\]\(([^()#\s]+)[^()\s]*\)/g;
const ELSEWHERE = /^[a-z]+:/;

/**
 * The paths in a document that do not exist, as `document:line: what is wrong`. `<name>` in a path is a name that the
 * reader chooses: the part before it must exist.
 *
 * @param document path relative to the repository's root, with forward slashes
 * @param exists whether there is such a file or folder; takes paths relative to the root
 */
export function missingNamedPaths(document: string, text: string, exists: (path: string) => boolean): string[] {
  return text.split("\n").flatMap((line, index) =>
    namedPaths(document, line)
      .filter((path) => !exists(path))
      .map((path) => `${document}:${index + 1}: there is no ${path}: correct the path, or take it out`),
  );
}

function namedPaths(document: string, line: string): string[] {
  const links = [...line.matchAll(LINK)]
    .map(([, target = ""]) => target)
    .filter((target) => !ELSEWHERE.test(target))
    .map((target) => posix.join(posix.dirname(document), target));
  const mentioned = [...line.replace(LINK, "]").matchAll(PATH)].map(([, path = ""]) => path);
  return [...new Set([...links, ...mentioned].map(fixedPart))];
}

/** The fixed part of a path, without a trailing full stop or slash. */
function fixedPart(path: string): string {
  const [fixed = ""] = path.split("<");
  const whole = fixed === path ? path : fixed.slice(0, fixed.lastIndexOf("/"));
  return whole.replace(/[./]+$/, "");
}
