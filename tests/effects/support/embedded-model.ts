/** The embedded base in Node, with the trained classifiers and experts of the fixtures. */
import { classifierFixture } from "../../fixtures/classifiers/classifier-fixtures.ts";
import { embeddedBase } from "../../fixtures/classifiers/train.ts";
import { expertFixture } from "../../fixtures/experts/expert-fixtures.ts";
import { openSteeredModel, type SteeredModel } from "./steered-model.ts";

let opened: Promise<SteeredModel> | undefined;

/** Opened once: the tests of a worker share it. */
export function embeddedModel(): Promise<SteeredModel> {
  opened ??= open();
  return opened;
}

async function open(): Promise<SteeredModel> {
  const [sentiment, politeness] = await Promise.all([classifierFixture("sentiment"), classifierFixture("politeness")]);
  return openSteeredModel(embeddedBase(), {
    sentiment: sentiment.delta,
    politeness: politeness.delta,
    rude: await expertFixture("rude"),
    reader: await expertFixture("reader"),
  });
}
