/** Lanes: a trainer works on one job of each at a time, so that a short job of one never waits for a long job of another. */
import { z } from "zod";

/** The first lane is that of every type of job that names none. A trainer that takes from several takes from the last first. */
export const LANES = ["jobs", "edits"] as const;
export const Lane = z.enum(LANES).meta({ id: "Lane" });
export type Lane = z.infer<typeof Lane>;

export const DEFAULT_LANE: Lane = LANES[0];
