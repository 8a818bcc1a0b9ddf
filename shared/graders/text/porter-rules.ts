/** The tables of Porter's stemmer: each step's suffixes in the order in which they are tried. The first that fits is the only one. */

export type SuffixRule = readonly [suffix: string, replacement: string];

const table = (rules: string): SuffixRule[] =>
  rules
    .trim()
    .split(/\s+/)
    .map((rule): SuffixRule => {
      const [suffix = "", replacement = ""] = rule.split(">");
      return [suffix, replacement];
    });

export const STEP_1A = table("sses>ss ies>i ss>ss s>");

/** Where something vowelled is before it. `logi` is apart: it looks at one letter more. */
export const STEP_2 = table(`
  ational>ate tional>tion enci>ence anci>ance izer>ize bli>ble alli>al entli>ent eli>e ousli>ous ization>ize ation>ate ator>ate
  alism>al iveness>ive fulness>ful ousness>ous aliti>al iviti>ive biliti>ble fulli>ful
`);

export const STEP_3 = table("icate>ic ative> alize>al iciti>ic ical>ic ful> ness>");

/** Cut off where the stem before has a measure of at least 2. */
export const STEP_4 = table(
  "al> ance> ence> er> ic> able> ible> ant> ement> ment> ent> ion> ou> ism> ate> iti> ous> ive> ize>",
);

/** Words with a stem of their own. */
export const IRREGULAR: ReadonlyMap<string, string> = new Map(
  table(
    `sky>sky skies>sky dying>die lying>lie tying>tie news>news innings>inning inning>inning outings>outing outing>outing
     cannings>canning canning>canning howe>howe proceed>proceed exceed>exceed succeed>succeed`,
  ),
);
