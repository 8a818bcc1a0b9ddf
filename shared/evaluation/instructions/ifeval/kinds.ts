/** The instructions of IFEval, by its ids and settings (Zhou et al., 2023). */
import * as content from "./content.ts";
import * as format from "./format.ts";
import * as keywords from "./keywords.ts";
import * as language from "./language.ts";
import * as length from "./length.ts";
import * as startEnd from "./start-end.ts";

export const IFEVAL_KINDS = [
  keywords.existence,
  keywords.frequency,
  keywords.forbiddenWords,
  keywords.letterFrequency,
  language.responseLanguage,
  length.numberSentences,
  length.numberParagraphs,
  length.numberWords,
  length.nthParagraphFirstWord,
  content.numberPlaceholders,
  content.postscript,
  format.numberBulletLists,
  content.constrainedResponse,
  format.numberHighlightedSections,
  format.multipleSections,
  content.jsonFormat,
  format.title,
  content.twoResponses,
  content.repeatPrompt,
  startEnd.endChecker,
  language.capitalWordFrequency,
  language.englishCapital,
  language.englishLowercase,
  startEnd.noComma,
  startEnd.quotation,
] as const;
