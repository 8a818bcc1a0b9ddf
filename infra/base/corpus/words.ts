/** Small closed word lists that tasks, chats, registers and prose share. */

/** One word per initial letter, so that alphabetical order depends on the first letter only. */
export const ALPHABET_WORDS =
  "apple bear cat dog egg fish goat hat ink jam king lamp moon nest owl pen queen rose sun tree van wolf yarn zebra".split(
    " ",
  );

/** The word pool for copy, count and reverse tasks. */
export const POOL_WORDS = [
  ...ALPHABET_WORDS,
  ..."ball bell bird boat book box bread cake car chair cloud coat cup door drum duck fire flag flower fork glass gold horse house key leaf milk mouse ring river road rock salt ship shoe snow spoon star stone table train wind".split(
    " ",
  ),
];

export const NAMES =
  "Anna Ben Clara David Emma Felix Grace Henry Ida Jack Kate Leo Mary Nina Oscar Paul Rosa Sam Tom Vera Lucy Max Julia Peter".split(
    " ",
  );

export const CITIES = [
  "Paris",
  "Berlin",
  "Rome",
  "Madrid",
  "Lisbon",
  "Vienna",
  "Athens",
  "Oslo",
  "London",
  "Prague",
  "Tokyo",
  "Cairo",
  "Ottawa",
  "Lima",
  "Boston",
  "Chicago",
  "Sydney",
  "Dublin",
  "Moscow",
  "Warsaw",
] as const;

export const THINGS = ["apples", "books", "coins", "eggs", "cards", "pens", "stamps", "stones"] as const;
