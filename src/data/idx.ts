/** IDX, the file format of MNIST and its relatives: a magic number, big-endian sizes, then the values. */
import { check, DataError } from "../errors.ts";
import type { Device } from "../gpu/device.ts";
import { upload } from "../tensor/copy.ts";
import { keep } from "../tensor/scope.ts";
import { type Shape, sizeOf } from "../tensor/shape.ts";
import { Storage } from "../tensor/storage.ts";
import { handleOf, makeTensor, type Tensor } from "../tensor/tensor.ts";
import { bytesOfFile, type FileBytes } from "./bytes.ts";

const UBYTE = 0x08;
const TYPES: Readonly<Record<number, string>> = {
  [UBYTE]: "unsigned bytes",
  9: "signed bytes",
  11: "16-bit integers",
  12: "32-bit integers",
  13: "32-bit floats",
  14: "64-bit floats",
};
const GZIP = 0x1f8b;

/** Samples as bytes, made into tensors batch by batch. From `idxImages` or `idxLabels`. */
export class IdxField {
  /** All samples: the first dim counts them. */
  readonly shape: Shape;
  /** Dtype of a batch: `"f32"` in [0, 1] for images, `"i32"` for labels. */
  readonly dtype: "f32" | "i32";
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #uploaded = new WeakMap<Device, Tensor>();

  constructor(shape: Shape, dtype: "f32" | "i32", bytes: Uint8Array<ArrayBuffer>) {
    this.shape = shape;
    this.dtype = dtype;
    this.bytes = bytes;
  }

  /** The bytes on a device, four to a word: copied there once, for all loaders over this field. */
  on(device: Device): Tensor {
    const known = this.#uploaded.get(device);
    if (known) return known;
    const words = Math.ceil(this.bytes.byteLength / 4);
    const storage = new Storage(device, words * 4, () => `DataLoader: IDX data of shape [${this.shape}]`);
    const tensor = keep(makeTensor(storage, [words], [1], 0, "u32"));
    // The field's own, for as long as the field lives: no tensor of the program.
    handleOf(tensor).uncount();
    upload(tensor, this.bytes);
    this.#uploaded.set(device, tensor);
    return tensor;
  }
}

export interface IdxImagesOptions {
  /** Gives each image as one row of pixels, `(N, height * width)`. Default false. */
  flatten?: boolean;
}

/**
 * Images of an IDX file of unsigned bytes. Batches are f32 in [0, 1], of shape (N, 1, height, width), as `conv2d` takes
 * them, or (N, height * width) with `flatten`. DataError for a truncated or foreign file.
 */
export function idxImages(bytes: FileBytes, options: IdxImagesOptions = {}): IdxField {
  const { dims, values } = parse("idxImages", bytes);
  check(
    dims.length >= 2,
    DataError,
    () => `idxImages: at byte 3: expected 2 dims or more, got ${dims.length}; labels are read by idxLabels`,
  );
  const [count = 0, ...sample] = dims;
  const pictures = sample.length === 2 ? [1, ...sample] : sample;
  return new IdxField([count, ...(options.flatten ? [sizeOf(sample)] : pictures)], "f32", values);
}

/** Labels of an IDX file: batches are i32 of shape (N). DataError for a truncated or foreign file. */
export function idxLabels(bytes: FileBytes): IdxField {
  const { dims, values } = parse("idxLabels", bytes);
  check(
    dims.length === 1,
    DataError,
    () => `idxLabels: at byte 3: expected 1 dim, got ${dims.length}; images are read by idxImages`,
  );
  return new IdxField(dims, "i32", values);
}

function parse(op: string, file: FileBytes): { dims: number[]; values: Uint8Array<ArrayBuffer> } {
  const bytes = bytesOfFile(op, file);
  const fail = (offset: number, want: string, got: string): never => {
    throw new DataError(`${op}: at byte ${offset}: expected ${want}, got ${got}`);
  };
  if (bytes.length < 4) fail(bytes.length, "an IDX file's magic number (4 bytes)", "the end of the file");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint16(0);
  if (magic === GZIP) fail(0, "an IDX file", "gzip data: unpack the file first");
  if (magic !== 0) fail(0, "an IDX file's magic number (two zero bytes)", `0x${hex(magic, 4)}`);
  const type = view.getUint8(2);
  if (type !== UBYTE) fail(2, "element type 0x08 (unsigned bytes)", `0x${hex(type, 2)} (${TYPES[type] ?? "unknown"})`);
  const ndim = view.getUint8(3);
  const start = 4 + 4 * ndim;
  if (ndim === 0) fail(3, "at least 1 dim", "0");
  if (bytes.length < start)
    fail(bytes.length, `the sizes of ${ndim} dims (up to byte ${start})`, "the end of the file");
  const dims = Array.from({ length: ndim }, (_, i) => view.getUint32(4 + 4 * i));
  const end = start + sizeOf(dims);
  if (bytes.length < end) fail(bytes.length, `${end} bytes for shape [${dims}]`, "the end of the file");
  if (bytes.length > end) fail(end, `the end of the file for shape [${dims}]`, `${bytes.length - end} more bytes`);
  return { dims, values: bytes.subarray(start) };
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
