import { type DenseMatrix, matrix } from "../../../shared/linalg/matrix.ts";
import { weightName } from "../../../shared/model/modules.ts";
import { f32 } from "../../../shared/tensor.ts";
import { editedModule, type Factors } from "../../edits/edit-model.ts";
import type { EditedValues } from "../../edits/edited-subject.ts";
import { published } from "../../edits/publish-edit.ts";
import type { PreparedEdit } from "./prepare-edit.ts";

/** W [in, out] of a layer before the edit. A copy. */
export function originalOf({ start }: Pick<PreparedEdit, "start">, layer: number): DenseMatrix {
  const { shape, data } = start.weights.get(weightName(editedModule(layer)))!;
  return matrix(shape[0]!, shape[1]!, Float64Array.from(data));
}

/** The edited weights as they are served: with the factors in 32 bits. */
export function editedValues(
  prepared: Pick<PreparedEdit, "start" | "subject">,
  changes: ReadonlyMap<number, Factors>,
): EditedValues {
  const values = new Map(prepared.subject.unedited);
  for (const [layer, factors] of changes) {
    const { a, b } = published(factors);
    const { shape, data } = originalOf(prepared, layer);
    const [rank, columns] = b.shape as [number, number];
    for (let row = 0; row < shape[0]!; row++) {
      for (let inner = 0; inner < rank; inner++) {
        const factor = a.data[row * rank + inner]!;
        for (let column = 0; column < columns; column++)
          data[row * columns + column]! += factor * b.data[inner * columns + column]!;
      }
    }
    values.set(weightName(editedModule(layer)), f32(shape, Float32Array.from(data)));
  }
  return values;
}
