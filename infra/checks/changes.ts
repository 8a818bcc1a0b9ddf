/** Finds the files that changed, according to git. */
import { execFileSync } from "node:child_process";

export interface Changes {
  /** What they are compared with, in readable form. */
  readonly since: string;
  /** Relative to the repository's root, sorted. Includes deleted files, and both paths of a moved one. */
  readonly paths: readonly string[];
}

/**
 * The files that differ from the last commit, and untracked ones. If there are none: those that differ from `main`, or,
 * on `main` itself, from the previous commit.
 *
 * @throws git's error if `root` is not in a repository or git is not installed
 */
export function changedFiles(root: string): Changes {
  const git = (...args: string[]): string =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  const commit = (...args: string[]): string | undefined => {
    try {
      return git(...args).trim();
    } catch {
      return undefined;
    }
  };
  const differing = (...from: string[]): string[] =>
    git("diff", "--name-only", "--no-renames", "--relative", "-z", ...from)
      .split("\0")
      .filter(Boolean);

  const untracked = git("ls-files", "--others", "--exclude-standard", "-z").split("\0").filter(Boolean);
  const head = commit("rev-parse", "--verify", "--quiet", "HEAD");
  if (head === undefined) return { since: "the beginning", paths: untracked.sort() };
  const uncommitted = [...differing(head), ...untracked];
  if (uncommitted.length > 0) return { since: "the last commit", paths: uncommitted.sort() };
  const fork = commit("merge-base", "HEAD", "main") ?? commit("merge-base", "HEAD", "origin/main");
  if (fork !== undefined && fork !== head) return { since: "main", paths: differing(fork, head).sort() };
  const parent = commit("rev-parse", "--verify", "--quiet", "HEAD~1");
  return { since: "the commit before", paths: parent === undefined ? [] : differing(parent, head).sort() };
}
