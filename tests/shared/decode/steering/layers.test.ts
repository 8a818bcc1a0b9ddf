import { describe } from "vitest";
import { itGivesTheReferencesScores } from "./references.ts";

describe("against references", () => itGivesTheReferencesScores("layers", 4));
