import { describe, expect, it } from "vitest";
import { isRatingRecord, readRatingRecord } from "../../../shared/data/rating.ts";

const place = { number: 2, unit: "row", file: "ratings.csv" } as const;
const answer = { prompt: "p", completion: "c" };
const rated = (more: object) => readRatingRecord({ ...answer, ...more }, place).rating;
const refusal = (value: unknown) => {
  try {
    readRatingRecord(value, place);
  } catch (error) {
    return error;
  }
  return expect.fail("was not refused");
};

describe("a rated completion", () => {
  it("has a number, or the mean of what its raters say", () => {
    expect(rated({ rating: -2.5 })).toEqual({ ...answer, rating: -2.5, raters: {} });
    expect(rated({ ratings: { anna: 4, ben: 5 } })).toEqual({ ...answer, rating: 4.5, raters: { anna: 4, ben: 5 } });
    const list = [
      { rater: "anna", rating: 1 },
      { rater: "__proto__", rating: 2 },
    ];
    expect(rated({ ratings: list }).rating).toBe(1.5);
    expect(Object.keys(rated({ ratings: list }).raters)).toEqual(["anna", "__proto__"]);
  });

  it("may be the last turn of a conversation", () => {
    const messages = [
      { role: "user", content: "hi" },
      { role: "assistant", content: "ho" },
    ];
    const { prompt, completion } = readRatingRecord({ messages, rating: 3 }, place).rating;
    expect([prompt, completion]).toEqual([messages.slice(0, 1), messages.slice(1)]);
    expect(isRatingRecord({ messages, rating: 3 })).toBe(true);
    expect([isRatingRecord({ messages }), isRatingRecord({ rating: 3 })]).toEqual([false, false]);
  });

  it.each([
    [[1], " is not a JSON object"],
    [{ ...answer }, ": rating: must be a number"],
    [{ ...answer, rating: "4" }, ": rating: must be a number between −1000000 and 1000000, not a text"],
    [{ ...answer, rating: 1e9 }, ": rating: must be a number between"],
    [{ ...answer, completion: "", rating: 1 }, ": completion: must not be empty"],
    [
      { prompt: "p", rating: 1, messages: [{ role: "assistant", content: "c" }] },
      ": messages: must have a prompt and an answer",
    ],
    [{ ...answer, ratings: {} }, ": ratings: must not be empty"],
    [{ ...answer, ratings: 4 }, ": ratings: must be an object of raters"],
    [{ ...answer, rating: 4, ratings: { anna: 4 } }, ": ratings: stands beside rating"],
    [{ ...answer, ratings: { anna: null } }, ": ratings.anna: must be a number"],
    [{ ...answer, ratings: [{ rating: 4 }] }, ": ratings[0].rater: must be the rater's name"],
    [
      {
        ...answer,
        ratings: [
          { rater: "a", rating: 1 },
          { rater: "a", rating: 2 },
        ],
      },
      ": ratings[1].rating: is a second rating",
    ],
  ])("refuses %j", (value, message) => {
    expect(refusal(value)).toMatchObject({
      code: "invalid_file",
      message: expect.stringContaining(`row 2 of ratings.csv${message}`),
    });
  });
});
