import { expect, test } from "vitest";
import { svdOfProduct } from "../../../shared/linalg/low-rank-svd.ts";
import { matrix, product } from "../../../shared/linalg/matrix.ts";
import { svd } from "../../../shared/linalg/svd.ts";
import { expectClose, expectOrthonormalColumns, randomMatrix, randomOfRank, reassembled } from "./property.ts";

test.each([
  ["low rank", randomMatrix(40, 6), randomMatrix(6, 30), 6],
  ["a rank above one side", randomMatrix(10, 14), randomMatrix(14, 30), 10],
  ["a rank above both sides", randomMatrix(8, 20), randomMatrix(20, 9), 8],
  ["rank-deficient factors", randomOfRank(20, 6, 2), randomMatrix(6, 15), 6],
  ["zero", matrix(12, 3), randomMatrix(3, 7), 3],
])("%s: the decomposition of AB from its factors", (_, a, b, count) => {
  const { u, s, v } = svdOfProduct(a, b);
  const whole = product(a, b);
  expect(s.length).toBe(count);
  expectOrthonormalColumns(u);
  expectOrthonormalColumns(v);
  expectClose(reassembled(u, s, v), whole);
  const expected = svd(whole).s.slice(0, count);
  expectClose(matrix(1, count, s), matrix(1, count, expected));
});
