import { expect, test } from "vitest";
import { planTests } from "../../../infra/checks/quick-plan.ts";

test("splits the tests by the project that runs them, and keeps their order", () => {
  const related = {
    near: ["tests/edge/objects/tenant.test.ts", "tests/shared/errors.test.ts"],
    far: ["tests/trainer/b.test.ts", "tests/edge/a.test.ts", "tests/trainer/a.test.ts"],
  };
  expect(planTests(["shared/errors.ts"], related)).toEqual({
    near: ["tests/shared/errors.test.ts"],
    far: ["tests/trainer/b.test.ts", "tests/trainer/a.test.ts"],
    workerd: ["tests/edge/objects/tenant.test.ts", "tests/edge/a.test.ts"],
    leftOut: [],
  });
});

test("tests that start whole stacks are left out by name, even the changed ones", () => {
  const near = ["tests/e2e/peft.test.ts", "tests/infra/start/service.test.ts"];
  const plan = planTests(near, { near, far: ["tests/infra/start/stack.test.ts"] });
  expect(plan.near).toEqual(["tests/infra/start/service.test.ts"]);
  expect(plan.far).toEqual([]);
  expect(plan.leftOut.map(([path]) => path)).toEqual(["tests/e2e/peft.test.ts", "tests/infra/start/stack.test.ts"]);
});

test.each(["package-lock.json", "edge/tsconfig.json", "vitest.config.ts"])("%s concerns every test", (path) => {
  expect(planTests([path], { near: [], far: [] }).leftOut).toEqual([[path, "concerns every test"]]);
});
