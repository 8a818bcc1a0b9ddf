import type { z } from "zod";
import type { DType, Tensor } from "../../shared/tensor.ts";

/**
 * What an objective carries from step to step beside the parameters: a replay buffer, the state of a controller. It is part of
 * the training state and of every checkpoint, so that a resumed run continues with it.
 */
export interface Section {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Small; stands in the checkpoint's header. */
  readonly json: unknown;
}
export type Sections = Readonly<Record<string, Section>>;

/** What a section must look like, in the loop and in a checkpoint. */
export interface SectionSpec {
  readonly initial: Section;
  /** Every tensor that it holds; `null` is a dimension of any size. */
  readonly tensors: Readonly<Record<string, { readonly dtype: DType; readonly shape: readonly (number | null)[] }>>;
  readonly json: z.ZodType;
}
export type SectionSpecs = Readonly<Record<string, SectionSpec>>;

export function initialSections(specs: SectionSpecs): Sections {
  return Object.fromEntries(Object.entries(specs).map(([name, { initial }]) => [name, initial]));
}

/** Why a section is not what its spec says; undefined where it is. */
export function sectionProblem(spec: SectionSpec, { tensors, json }: Section): string | undefined {
  for (const [name, { dtype, shape }] of Object.entries(spec.tensors)) {
    const tensor = tensors[name];
    const expected = `${dtype}[${shape.map((size) => size ?? "any").join(", ")}]`;
    if (tensor === undefined) return `it has no tensor ${name}`;
    const fits =
      tensor.shape.length === shape.length && shape.every((size, i) => (size ?? tensor.shape[i]) === tensor.shape[i]);
    if (tensor.dtype !== dtype || !fits) {
      return `its tensor ${name} is ${tensor.dtype}[${tensor.shape.join(", ")}], expected ${expected}`;
    }
  }
  const extra = Object.keys(tensors).find((name) => !Object.hasOwn(spec.tensors, name));
  if (extra !== undefined) return `it has a tensor ${extra} that nothing expects`;
  const parsed = spec.json.safeParse(json);
  return parsed.success ? undefined : `its JSON does not fit: ${parsed.error.issues[0]!.message}`;
}
