/** Names of things that are kept in versions: `calm` is the newest one, `calm@3` always the third. */
import { z } from "zod";

const NAME = "[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?";
const REFERENCE = new RegExp(`^(${NAME})(?:@([1-9]\\d{0,8}))?$`);

export interface VersionedNames {
  /** What such a thing is called, such as `a steering preset`. */
  readonly what: string;
  /** Characters of a name. */
  readonly length: number;
  readonly example: string;
}

export function versionedName({ what, length, example }: VersionedNames) {
  return z
    .string()
    .max(length)
    .regex(new RegExp(`^${NAME}$`), "must be letters, digits, and inner `.`, `_` and `-`")
    .meta({ description: `The name of ${what}`, example });
}

export function versionedReference({ what, length, example }: VersionedNames) {
  return z
    .string()
    .max(length + 10)
    .regex(REFERENCE, `must be the name of ${what}, or its name and a version, such as \`${example}@3\``)
    .meta({
      description: `The name of ${what}: \`${example}\` in its newest version, \`${example}@3\` always in that one`,
      example,
    });
}

export interface ParsedName {
  readonly name: string;
  /** null for the newest version. */
  readonly version: number | null;
}

/** undefined where the text is no reference. */
export function parseVersionedName(text: string, { length }: Pick<VersionedNames, "length">): ParsedName | undefined {
  const [, name, version] = REFERENCE.exec(text) ?? [];
  if (name === undefined || name.length > length) return undefined;
  return { name, version: version === undefined ? null : Number(version) };
}
