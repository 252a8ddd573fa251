/** Batches: samples stay on the GPU, and each batch is one gather per field out of them. */

import { anything, count, flag, integer, options as optionsOf, signature } from "../arguments.ts";
import { elementAt } from "../elements.ts";
import { ArgumentError, check, DtypeError, expected, ShapeError } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import { type Device, runtimeOf } from "../gpu/device.ts";
import { strideGroups } from "../gpu/launch-policy.ts";
import { gather_bytes } from "../gpu/shaders.generated.ts";
import { gatherRows } from "../kernels/indexing/gather.ts";
import { bindingOf } from "../tensor/binding.ts";
import { contiguous, upload } from "../tensor/copy.ts";
import { permutation } from "../tensor/create.ts";
import { keep } from "../tensor/scope.ts";
import { sizeAt, sizeOf } from "../tensor/shape.ts";
import { bytesOf } from "../tensor/storage.ts";
import { disposeBecause, empty, storageOf, Tensor } from "../tensor/tensor.ts";
import { IdxField } from "./idx.ts";

/** A source of samples: an IDX file's content, or a tensor whose first dim counts the samples. */
export type Field = IdxField | Tensor;

export interface DataLoaderOptions {
  /** Samples per batch. Default 1. */
  batchSize?: number;
  /** A new order for every epoch. Default false. */
  shuffle?: boolean;
  /** Leaves out the last batch if it is not full. Default false. */
  dropLast?: boolean;
  /** Seed of the orders, together with the epoch's number. Default: the device's seed. */
  seed?: number;
}

/** The position of a loader, and the seed and sizes that its order depends on. */
export interface DataLoaderState {
  readonly epoch: number;
  /** Finished batches of that epoch. */
  readonly batch: number;
  readonly samples: number;
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  /** null: the device's. */
  readonly seed: number | null;
}

/** A tensor for every field. */
export type Batch<F extends readonly Field[]> = { -readonly [K in keyof F]: Tensor };

const checkArguments = /* @__PURE__ */ signature("DataLoader", () => ({
  fields: anything,
  options: optionsOf({ batchSize: count, shuffle: flag, dropLast: flag, seed: integer }),
}));

const WHY = "the loader made the next batch; clone() it to keep it";

/**
 * Iterates over batches of several fields at once, one epoch per `for ... of`; epoch n of a seed always has the same
 * order. Nothing waits for the GPU, and nothing needs disposing: a batch that was used (by an operation or a read) is
 * freed when the next one is requested or the loop ends; `clone()` what must live on. A batch that nothing has used by
 * then, as in `[...loader]`, is left to the garbage collector. Batches carry no gradient to the fields.
 */
export class DataLoader<const F extends readonly Field[]> implements Iterable<Batch<F>> {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  readonly seed: number | undefined;
  /** Samples in all. */
  readonly samples: number;
  /** The number of the next epoch, from 0. Set it to continue where an earlier run stopped. */
  epoch = 0;
  readonly #fields: readonly Field[];
  /** The epoch and the batch that come next: what a checkpoint holds. */
  #position = { epoch: 0, batch: 0 };
  /** Batches that the next epoch skips, since an earlier run has had them. */
  #skip = 0;

  constructor(fields: F, options: DataLoaderOptions = {}) {
    checkArguments(arguments);
    const { batchSize = 1, shuffle = false, dropLast = false, seed } = options;
    this.samples = checkFields(fields);
    this.#fields = [...fields];
    this.batchSize = batchSize;
    this.shuffle = shuffle;
    this.dropLast = dropLast;
    this.seed = seed;
  }

  /** Batches per epoch. */
  get length(): number {
    const batches = this.samples / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): Generator<Batch<F>, void, undefined> {
    const device = deviceOf(this.#fields);
    runtimeOf(device).assertOpen("DataLoader");
    runtimeOf(device).recorder.tape?.assertNotCapturing("a DataLoader, which chooses its batches on the host");
    const number = this.epoch++;
    const first = this.#skip;
    this.#skip = 0;
    const epoch = new Epoch(device, this.#fields, this.#order(device, number));
    try {
      for (let i = first; i < this.length; i++) {
        const isLast = i + 1 === this.length;
        this.#position = isLast ? { epoch: number + 1, batch: 0 } : { epoch: number, batch: i + 1 };
        yield epoch.batch(i * this.batchSize, this.batchSize) as Batch<F>;
        epoch.release();
      }
    } finally {
      // A loop that was left early still has its batch open.
      epoch.close();
    }
  }

  /**
   * The position after the last batch that was yielded, for a checkpoint: the epoch, how many of its batches are done, and
   * what the order depends on.
   */
  stateDict(): DataLoaderState {
    const { samples, batchSize, shuffle, dropLast } = this;
    // Where `epoch` was set by hand since, that is what comes next.
    const isMoved = this.epoch !== this.#position.epoch + (this.#position.batch > 0 ? 1 : 0);
    const position = isMoved ? { epoch: this.epoch, batch: this.#skip } : this.#position;
    return { ...position, samples, batchSize, shuffle, dropLast, seed: this.seed ?? null };
  }

  /**
   * Continues where another loader over the same data stopped: the next `for ... of` gives the rest of its epoch. ArgumentError
   * if the loaders differ in what the order depends on.
   */
  loadStateDict(state: object): void {
    const op = "DataLoader.loadStateDict";
    check(typeof state === "object" && state !== null, ArgumentError, () => expected(op, "state", "an object", state));
    const { epoch, batch, ...made } = state as DataLoaderState;
    const { epoch: _epoch, batch: _batch, ...own } = this.stateDict();
    for (const [name, value] of Object.entries(own)) {
      const other = made[name as keyof typeof made];
      check(other === value, ArgumentError, () => expected(op, name, `${value}, as this loader has`, other));
    }
    for (const [name, count, most] of [
      ["epoch", epoch, Infinity],
      ["batch", batch, this.length],
    ] as const) {
      const fits = Number.isSafeInteger(count) && count >= 0 && count <= most;
      check(fits, ArgumentError, () => expected(op, name, `an integer from 0 to ${most}`, count));
    }
    this.epoch = epoch;
    this.#skip = batch;
    this.#position = { epoch, batch };
  }

  #order(device: Device, number: number): Int32Array<ArrayBuffer> {
    if (this.shuffle) return permutation(this.samples, this.seed ?? runtimeOf(device).random.seed, number);
    return Int32Array.from({ length: this.samples }, (_, i) => i);
  }
}

/** One pass: the order of the samples on the GPU, and the batch in use. */
class Epoch {
  readonly #device: Device;
  readonly #fields: readonly Field[];
  readonly #order: Tensor;
  readonly #copies: Tensor[] = [];
  readonly #samples: number;
  #batch: readonly Tensor[] = [];
  /** The number of commands that had used each of its buffers when it was handed out. */
  #uses: readonly number[] = [];

  constructor(device: Device, fields: readonly Field[], order: Int32Array<ArrayBuffer>) {
    this.#device = device;
    this.#samples = order.length;
    this.#order = keep(empty(device, [order.length], "i32"));
    upload(this.#order, order);
    this.#fields = fields.map((field) => (field instanceof IdxField ? field : this.#dense(field)));
    for (const field of fields) if (field instanceof IdxField) field.on(device);
  }

  batch(start: number, size: number): Tensor[] {
    const rows = Math.min(size, this.#samples - start);
    const batch = this.#fields.map((field) => this.#gather(field, start, rows));
    this.#uses = batch.map((one) => storageOf(one).buffer.uses);
    this.#batch = batch;
    return [...batch];
  }

  /** Frees the batch in use, if anything has read it. */
  release(): void {
    const used = this.#batch.some((tensor, i) => tensor.disposed || storageOf(tensor).buffer.uses !== this.#uses[i]);
    if (used) {
      for (const tensor of this.#batch) {
        if (!tensor.disposed) disposeBecause(tensor, WHY);
      }
    }
    this.#batch = [];
  }

  close(): void {
    this.release();
    for (const tensor of [this.#order, ...this.#copies]) tensor.dispose();
  }

  #dense(field: Tensor): Tensor {
    field.assertLive("DataLoader");
    const dense = contiguous(field);
    if (dense !== field) this.#copies.push(keep(dense));
    return dense;
  }

  #gather(field: Field, start: number, rows: number): Tensor {
    const sample = field.shape.slice(1);
    const y = empty(this.#device, [rows, ...sample], field.dtype);
    if (field instanceof IdxField) {
      const width = sizeOf(sample);
      const args = {
        src: bindingOf(field.on(this.#device)),
        order: bindingOf(this.#order),
        y: bindingOf(y),
        start,
        rows,
        width,
      };
      const overrides = { INTEGER: field.dtype === "i32", ALIGNED: width % 4 === 0 };
      runtimeOf(this.#device).run(gather_bytes, args, strideGroups(this.#device, Math.ceil(y.size / 4)), overrides);
    } else {
      field.assertLive("DataLoader");
      const inner = (sizeOf(sample) * bytesOf(field.dtype)) / 4;
      const sizes = { rows, count: rows, length: sizeAt(field.shape, 0), inner };
      // The order is a permutation: no index is out of range.
      if (y.size > 0) gatherRows(y, field, { index: this.#order, start, faultCode: 0 }, sizes);
    }
    return y;
  }
}

function deviceOf(fields: readonly Field[]): Device {
  for (const field of fields) if (field instanceof Tensor) return field.device;
  return currentDevice();
}

/** The number of samples, which all fields share. */
function checkFields(fields: readonly Field[]): number {
  check(Array.isArray(fields) && fields.length > 0, ArgumentError, () =>
    expected("DataLoader", "fields", "a list of IDX fields and tensors", fields),
  );
  fields.forEach(checkField);
  const counts = fields.map((field) => sizeAt(field.shape, 0));
  check(
    counts.every((count) => count === counts[0]),
    ShapeError,
    () => `DataLoader: argument 'fields' expected equally many samples in each field, got [${counts.join(", ")}]`,
  );
  const devices = new Set(fields.flatMap((field) => (field instanceof Tensor ? [field.device] : [])));
  check(
    devices.size <= 1,
    ArgumentError,
    () => "DataLoader: argument 'fields' expected tensors of one device, got two",
  );
  return elementAt(counts, 0);
}

function checkField(field: Field, i: number): void {
  if (field instanceof IdxField) return;
  const name = `fields[${i}]`;
  check(field instanceof Tensor, ArgumentError, () =>
    expected("DataLoader", name, "a tensor, or what idxImages or idxLabels gives", field),
  );
  field.assertLive("DataLoader");
  check(field.ndim > 0, ShapeError, () =>
    expected("DataLoader", name, "a tensor whose first dim counts samples", field),
  );
  check(!field.requiresGrad, ArgumentError, () =>
    expected("DataLoader", name, "a tensor without requiresGrad: batches carry no gradient to it", field),
  );
  check((sizeOf(field.shape.slice(1)) * bytesOf(field.dtype)) % 4 === 0, DtypeError, () =>
    expected("DataLoader", name, "an even number of values per sample for dtype f16", field),
  );
}
