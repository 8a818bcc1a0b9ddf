/** Every relation and every fact of the corpus. */
import { type Fact, factsOf, type Relation } from "../relation.ts";
import { CULTURE } from "./culture.ts";
import { GEOGRAPHY } from "./geography.ts";
import { LANGUAGE } from "./language.ts";
import { NATURE } from "./nature.ts";
import { SCIENCE } from "./science.ts";

export const RELATIONS: readonly Relation[] = [...GEOGRAPHY, ...SCIENCE, ...CULTURE, ...NATURE, ...LANGUAGE];
export const FACTS: readonly Fact[] = RELATIONS.flatMap(factsOf);
