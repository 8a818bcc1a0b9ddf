/**
 * Writes the embedded base's `evaluation.json`, from which the reports of jobs are measured.
 *
 *     node infra/base/evaluation/make-probes.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { PROBES_FILE } from "../../../shared/evaluation/probes.ts";
import { embeddedProbes, probesText } from "./probes.ts";

writeFileSync(fileURLToPath(new URL(`../model/${PROBES_FILE}`, import.meta.url)), probesText(embeddedProbes()));
