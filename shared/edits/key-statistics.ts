/** `key-statistics.<hash>.safetensors`, an artefact of a base: the second moment of one layer's keys over texts. */
import { z } from "zod";
import { TrimtabError } from "../errors.ts";
import { sha256Hex } from "../formats/digest.ts";
import { parseSafetensors, writeSafetensors } from "../formats/safetensors.ts";
import { type DenseMatrix, matrix } from "../linalg/matrix.ts";
import { EditReport } from "./report.ts";

const FORMAT = "trimtab.key-statistics/1";

const About = EditReport.shape.statistics.extend({ layer: z.int().min(0) });

export interface KeyStatistics extends z.output<typeof About> {
  /** C [in, in]: the mean of kᵀk over tokens. */
  readonly secondMoment: DenseMatrix;
}

/** The artefact's name; `texts` identifies the texts in their order. */
export async function keyStatisticsName(of: {
  readonly layer: number;
  readonly tokens: number;
  readonly texts: string;
}): Promise<string> {
  const hash = await sha256Hex(new TextEncoder().encode(JSON.stringify([FORMAT, of.layer, of.tokens, of.texts])));
  return `key-statistics.${hash.slice(0, 32)}.safetensors`;
}

export function encodeKeyStatistics({ secondMoment, ...about }: KeyStatistics): Uint8Array {
  const { shape, data } = secondMoment;
  const bytes = new Uint8Array(data.slice().buffer);
  return writeSafetensors(new Map([["second_moment", { dtype: "F64", shape, bytes }]]), {
    format: FORMAT,
    about: JSON.stringify(About.parse(about)),
  });
}

/** Throws `corrupt_blob` for bytes that `encodeKeyStatistics` did not write. */
export function decodeKeyStatistics(bytes: Uint8Array): KeyStatistics {
  const { metadata, tensors } = parseSafetensors(bytes, {
    code: "corrupt_blob",
    name: "the key statistics",
    finite: true,
  });
  const about = metadata.format === FORMAT ? About.safeParse(readJson(metadata.about)) : undefined;
  const moment = tensors.get("second_moment");
  if (
    about?.success !== true ||
    moment?.dtype !== "F64" ||
    moment.shape.length !== 2 ||
    moment.shape[0] !== moment.shape[1]
  ) {
    throw new TrimtabError("corrupt_blob", `the key statistics are not of the format ${FORMAT}`);
  }
  const [size] = moment.shape as [number];
  return { ...about.data, secondMoment: matrix(size, size, new Float64Array(new Uint8Array(moment.bytes).buffer)) };
}

function readJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return undefined;
  }
}
