import { describe, expect, it } from "vitest";
import { createRandom } from "../../../shared/random.ts";
import {
  answerRequest,
  drawShots,
  EVOLUTIONS,
  type Evolution,
  evolutionRequest,
  instructionRequest,
  writtenText,
} from "../../../shared/synthesis/requests.ts";

const templates = { intro: "Tasks.", task: "Task:", answer: "Answer:" };
const few = { style: "few_shot", templates } as const;
const shots = [
  { instruction: "Count\nto three", output: "1 2 3" },
  { instruction: "Say hi", output: "hi\n\nthere" },
];

describe("requests", () => {
  it("for a text to continue end where the model goes on, with a task a line", () => {
    expect(instructionRequest(shots, few)).toEqual({ text: "Tasks.\nTask: Count to three\nTask: Say hi\nTask:" });
    expect(answerRequest("Now", shots, few)).toEqual({
      text: "Task: Count to three\nAnswer: 1 2 3\n\nTask: Say hi\nAnswer: hi\nthere\n\nTask: Now\nAnswer:",
    });
    for (const operation of Object.keys(EVOLUTIONS) as Evolution[]) {
      const asked = evolutionRequest("Sing", operation, few);
      expect(asked).toEqual({ text: expect.stringMatching(/Task: Sing\nRewritten:$/) });
    }
  });

  it("in words are what a user says", () => {
    const chat = { style: "chat", templates } as const;
    expect(answerRequest("Now", shots, chat)).toEqual({ user: "Now" });
    expect(instructionRequest(shots, chat)).toEqual({
      user: expect.stringContaining("1. Count to three\n2. Say hi\n"),
    });
    expect(evolutionRequest("Sing", "deepen", chat)).toEqual({ user: expect.stringMatching(/The task: Sing$/) });
  });
});

describe("a written text", () => {
  const read = (text: string, ended: boolean, of: "instruction" | "output" = "output", asked: object = { text: "" }) =>
    writtenText({ text, ended }, { asked: asked as never, of, templates });

  it("ends where the next part begins, and is none where it was cut before", () => {
    expect(read(" Sing a song\nTask: more", false, "instruction")).toBe("Sing a song");
    expect(read(" Sing a so", false, "instruction")).toBeNull();
    expect(read(" Sing", true, "instruction")).toBe("Sing");
    expect(read(" one\ntwo\n\nTask:", false)).toBe("one\ntwo");
    expect(read(" one\nTask: x", false)).toBe("one");
    expect(read("\n one\nAnswer: x", false)).toBe("one");
    expect(read("one\ntwo", false)).toBeNull();
  });

  it("in a chat is whole where the model ended it", () => {
    expect(read(" a\n\nb ", true, "output", { user: "x" })).toBe("a\n\nb");
    expect(read("a\n\nb", false, "output", { user: "x" })).toBeNull();
  });
});

it("shots are seeds by their share, each once, and seeds alone while nothing else is there", () => {
  const draw = (made: string[], seedShare: number, at = 1) =>
    drawShots(["s1", "s2", "s3", "s4"], made, { shots: 4, seedShare, random: createRandom(at, "x") });
  expect(draw([], 0).toSorted()).toEqual(["s1", "s2", "s3", "s4"]);
  expect(draw(["m1", "m2", "m3", "m4", "m5"], 0).every((name) => name.startsWith("m"))).toBe(true);
  expect(draw(["m1", "m2", "m3"], 0.5).filter((name) => name.startsWith("m"))).toHaveLength(2);
  expect(new Set(draw(["m1", "m2"], 0.5)).size).toBe(4);
  expect(draw(["m1", "m2"], 0.5)).toEqual(draw(["m1", "m2"], 0.5));
});
