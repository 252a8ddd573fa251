/** MNIST for pages: every third training image and every second test image, as gzipped IDX files of 4 MB in all. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Plugin } from "vite";
import { readMnist } from "../support/mnist.ts";

const TRAIN_EVERY = 3;
const TEST_EVERY = 2;

/** Bytes by file name. `.bin`, since servers tell browsers to unpack `.gz` themselves, some of them only. */
async function pack(): Promise<Record<string, Uint8Array>> {
  const files = readMnist();
  const packed = (idx: Uint8Array, every: number) => promisify(gzip)(thinned(idx, every));
  const [trainImages, trainLabels, testImages, testLabels] = await Promise.all([
    packed(files.trainImages, TRAIN_EVERY),
    packed(files.trainLabels, TRAIN_EVERY),
    packed(files.testImages, TEST_EVERY),
    packed(files.testLabels, TEST_EVERY),
  ]);
  return {
    "train-images.bin": trainImages,
    "train-labels.bin": trainLabels,
    "test-images.bin": testImages,
    "test-labels.bin": testLabels,
  };
}

/** The IDX file of every n-th sample. */
export function thinned(idx: Uint8Array, every: number): Uint8Array {
  const view = new DataView(idx.buffer, idx.byteOffset, idx.byteLength);
  const header = 4 + 4 * view.getUint8(3);
  const samples = view.getUint32(4);
  const bytes = (idx.byteLength - header) / samples;
  const count = Math.ceil(samples / every);
  const result = new Uint8Array(header + count * bytes);
  result.set(idx.subarray(0, header));
  new DataView(result.buffer).setUint32(4, count);
  for (let i = 0; i < count; i++) {
    const start = header + i * every * bytes;
    result.set(idx.subarray(start, start + bytes), header + i * bytes);
  }
  return result;
}

/** Puts the files under `mnist/`, in the served site as in the built one. */
export function mnistAssets(): Plugin {
  let packing: ReturnType<typeof pack> | undefined;
  return {
    name: "mnist-assets",
    // Packed by other threads while modules are bundled.
    buildStart() {
      packing ??= pack();
    },
    configureServer(server) {
      server.middlewares.use("/mnist/", async (request, response, next) => {
        const packed = await packing;
        const bytes = packed?.[(request.url ?? "").replace(/^\/|\?.*$/g, "")];
        if (!bytes) return next();
        response.setHeader("content-type", "application/octet-stream");
        response.end(bytes);
      });
    },
    async generateBundle() {
      for (const [name, source] of Object.entries((await packing) ?? {})) {
        this.emitFile({ type: "asset", fileName: `mnist/${name}`, source });
      }
    },
  };
}
