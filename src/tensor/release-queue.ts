/**
 * Keeps the tensors of a graph that backward() has used up, and frees them later. The program may still read them (a loss, the
 * logits for an accuracy), so they live on: small ones for as long as somebody holds them, large ones until a later
 * backward reaches one of the leaves that theirs reached. Trainings that share no leaf leave each other's alone.
 */
import { type Device, runtimeOf } from "../gpu/device.ts";
import { keep } from "./scope.ts";
import { Storage } from "./storage.ts";
import { disposeBecause, handleOf, storageOf, type Tensor } from "./tensor.ts";

/** Bytes that are small enough to live on: they take no more than any tensor does, see ALIGNMENT. */
const SMALL_BYTES = 256;
/** The number of small ones that keep their buffers; those before them are moved together. */
const SMALL_KEPT = 64;
/** Bytes of large ones above which the oldest are freed though no backward has reached their leaves again. */
const LARGE_BYTES = 256 * 2 ** 20;

const WHY =
  "its graph was used up by backward() and a later backward() freed it; read it sooner, or keep a copy with detach().clone()";

/** The large tensors of one graph. */
export class Batch {
  bytes = 0;
  #tensors: Tensor[] = [];

  add(tensor: Tensor): void {
    this.#tensors.push(tensor);
    this.bytes += storageOf(tensor).bytes;
  }

  free(): void {
    for (const tensor of this.#tensors) free(tensor);
    this.#tensors = [];
    this.bytes = 0;
  }
}

class ReleaseQueue {
  /** Those of the last graph that reached a leaf. A leaf that nobody holds takes its batch along. */
  readonly byLeaf = new WeakMap<Tensor, Batch>();
  batches: WeakRef<Batch>[] = [];
  small: Tensor[] = [];
  /** Tensors that were released, where all are freed together. */
  readonly all: Tensor[] | undefined;

  constructor(all?: Tensor[]) {
    this.all = all;
  }
}

const queues = new WeakMap<Device, ReleaseQueue>();

function queueOf(device: Device): ReleaseQueue {
  const known = queues.get(device);
  if (known) return known;
  const queue = new ReleaseQueue();
  queues.set(device, queue);
  return queue;
}

/** Frees the large tensors of earlier graphs that reached one of these leaves; those of the next graph go into the result. */
export function beginBatch(device: Device, leaves: Iterable<Tensor>): Batch {
  const queue = queueOf(device);
  const batch = new Batch();
  for (const leaf of leaves) {
    const earlier = queue.byLeaf.get(leaf);
    if (earlier !== batch) earlier?.free();
    queue.byLeaf.set(leaf, batch);
  }
  queue.batches.push(new WeakRef(batch));
  bound(queue, batch);
  return batch;
}

/** Frees the oldest batches where leaves are new in every step, so that no later backward would. */
function bound(queue: ReleaseQueue, current: Batch): void {
  const sizeOf = (ref: WeakRef<Batch>) => ref.deref()?.bytes ?? 0;
  let bytes = queue.batches.reduce((sum, ref) => sum + sizeOf(ref), 0);
  for (const ref of queue.batches) {
    if (bytes <= LARGE_BYTES) break;
    bytes -= sizeOf(ref);
    ref.deref()?.free();
  }
  queue.batches = queue.batches.filter((ref) => ref.deref() === current || sizeOf(ref) > 0);
}

/** A tensor whose graph is gone: counted as free from now on. Without a `batch` it must be small. */
export function releaseLater(tensor: Tensor, batch?: Batch): void {
  if (tensor.disposed) return;
  const queue = queueOf(tensor.device);
  handleOf(keep(tensor)).spend();
  queue.all?.push(tensor);
  if (batch && storageOf(tensor).bytes > SMALL_BYTES) batch.add(tensor);
  else if (!queue.all) {
    queue.small.push(tensor);
    // Many at once rather than one by one: steps then find the same buffers free again and again, with their bind groups.
    if (queue.small.length >= 2 * SMALL_KEPT) moveTogether(tensor.device, queue.small.splice(0, SMALL_KEPT));
  }
}

/** Moves small tensors into one buffer, which goes with the last of them, so that steps reuse their own. */
function moveTogether(device: Device, tensors: readonly Tensor[]): void {
  const alone = tensors.filter((one) => !one.disposed && storageOf(one).exclusive && storageOf(one).buffer.pins === 0);
  if (alone.length === 0) return;
  const together = new Storage(device, alone.length * SMALL_BYTES, () => "values that backward() has used up");
  together.buffer.pool.uncount(together.buffer);
  alone.forEach((one, i) => {
    const storage = storageOf(one);
    runtimeOf(device).recorder.copy(
      storage.slice(0, SMALL_BYTES),
      together.slice(i * SMALL_BYTES, SMALL_BYTES),
      SMALL_BYTES,
    );
    storage.relocate(together, i * SMALL_BYTES);
  });
}

/** Runs `fn` with a queue of its own and frees at once what it released, but for what `kept(result)` names. */
export function withOwnReleaseQueue<T>(device: Device, fn: () => T, kept: (result: T) => readonly unknown[]): T {
  const outer = queueOf(device);
  const released: Tensor[] = [];
  queues.set(device, new ReleaseQueue(released));
  let survivors = new Set<unknown>();
  try {
    const result = fn();
    survivors = new Set(kept(result));
    return result;
  } finally {
    queues.set(device, outer);
    for (const tensor of released) if (!survivors.has(tensor)) free(tensor);
  }
}

function free(tensor: Tensor): void {
  if (!tensor.disposed) disposeBecause(tensor, WHY);
}
