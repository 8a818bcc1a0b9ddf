import { expect, test } from "vitest";
import { planTests } from "../../../infra/checks/quick-plan.ts";

const STACKS = ["tests/e2e/peft.test.ts", "tests/infra/start/stack.test.ts"];

test("splits the tests by the project that runs them, and keeps their order", () => {
  const related = {
    near: ["tests/edge/objects/tenant.test.ts", "tests/shared/errors.test.ts"],
    far: ["tests/trainer/b.test.ts", "tests/edge/a.test.ts", "tests/trainer/a.test.ts"],
  };
  expect(planTests({ changed: ["infra/checks/a.ts"], related, tests: STACKS })).toEqual({
    node: { near: ["tests/shared/errors.test.ts"], far: ["tests/trainer/b.test.ts", "tests/trainer/a.test.ts"] },
    workerd: { near: ["tests/edge/objects/tenant.test.ts"], far: ["tests/edge/a.test.ts"] },
    leftOut: [],
  });
});

test("tests that start whole stacks are left out by name, even when they have changed themselves", () => {
  const near = ["tests/e2e/peft.test.ts", "tests/infra/start/service.test.ts"];
  const plan = planTests({ changed: near, related: { near, far: [] }, tests: STACKS });
  expect(plan.node.near).toEqual(["tests/infra/start/service.test.ts"]);
  expect(plan.leftOut).toEqual([["tests/e2e/peft.test.ts", "starts whole stacks"]]);
});

test.each(["trainer/main.ts", "edge/worker.ts", "shared/errors.ts", "infra/start/serve.ts"])(
  "%s runs in every stack, whichever tests name it",
  (path) => {
    const { leftOut } = planTests({ changed: [path], related: { near: [], far: [] }, tests: STACKS });
    expect(leftOut.map(([left]) => left)).toEqual(STACKS);
  },
);

test.each(["package-lock.json", "edge/tsconfig.json", "vitest.config.ts"])("%s concerns every test", (path) => {
  const { leftOut } = planTests({ changed: [path], related: { near: [], far: [] }, tests: STACKS });
  expect(leftOut).toContainEqual([path, "concerns every test"]);
});
