/** The digits, fetched and unpacked once, in the worker. */
import { data } from "gradwell";

export interface Digits {
  train: readonly [data.IdxField, data.IdxField];
  test: readonly [data.IdxField, data.IdxField];
}

/** `folder` is the absolute URL of the site's `mnist/`. */
export async function fetchDigits(folder: string): Promise<Digits> {
  const names = ["train-images", "train-labels", "test-images", "test-labels"];
  const files = await Promise.all(names.map((name) => unpacked(new URL(`${name}.bin`, folder))));
  const [trainImages, trainLabels, testImages, testLabels] = files as [Bytes, Bytes, Bytes, Bytes];
  return {
    train: [data.idxImages(trainImages, { flatten: true }), data.idxLabels(trainLabels)],
    test: [data.idxImages(testImages, { flatten: true }), data.idxLabels(testLabels)],
  };
}

type Bytes = Uint8Array<ArrayBuffer>;

async function unpacked(url: URL): Promise<Bytes> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`cannot load ${url}: ${response.status} ${response.statusText}`);
  const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
