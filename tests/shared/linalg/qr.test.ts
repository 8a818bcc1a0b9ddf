import { expect, test } from "vitest";
import { product, sizes } from "../../../shared/linalg/matrix.ts";
import { qr } from "../../../shared/linalg/qr.ts";
import { expectClose, expectOrthonormalColumns, SHAPES } from "./property.ts";

test.each(SHAPES)("%s: A = QR with orthonormal columns and an upper triangle", (_, make) => {
  const a = make();
  const [rows, columns] = sizes(a);
  const { q, r } = qr(a);
  expect(q.shape).toEqual([rows, Math.min(rows, columns)]);
  expectOrthonormalColumns(q);
  expectClose(product(q, r), a);
  const below = r.data.filter((_, index) => index % columns < Math.floor(index / columns));
  expect(below.every((value) => value === 0)).toBe(true);
});
