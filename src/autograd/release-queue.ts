/**
 * What happens to the tensors of a graph that backward() has used up. The program may still read them (a loss, the
 * logits for an accuracy), so they live on: large ones until the next backward, small ones for a good while longer.
 */
import type { Device } from "../gpu/device.ts";
import { keep } from "../tensor/scope.ts";
import type { Tensor } from "../tensor/tensor.ts";

const SMALL_ELEMENTS = 64;
const SMALL_KEPT = 64;

const WHY =
  "its graph was used up by backward() and a later backward() freed it; read it sooner, or keep a copy with detach()";

class ReleaseQueue {
  large: Tensor[] = [];
  small: Tensor[] = [];
}

const queues = new WeakMap<Device, ReleaseQueue>();

function queueOf(device: Device): ReleaseQueue {
  const known = queues.get(device);
  if (known) return known;
  const queue = new ReleaseQueue();
  queues.set(device, queue);
  return queue;
}

/** A tensor whose graph is gone: counted as free from now on, and freed later. */
export function releaseLater(tensor: Tensor): void {
  if (tensor.disposed) return;
  const queue = queueOf(tensor.device);
  keep(tensor).spend();
  if (tensor.size > SMALL_ELEMENTS) queue.large.push(tensor);
  else {
    queue.small.push(tensor);
    // Many at once rather than one for one: steps then find the same buffers free again and again, with their bind groups.
    if (queue.small.length >= 2 * SMALL_KEPT) for (const one of queue.small.splice(0, SMALL_KEPT)) free(one);
  }
}

/** Frees the large tensors of earlier graphs. */
export function freeReleased(device: Device): void {
  const queue = queueOf(device);
  for (const tensor of queue.large) free(tensor);
  queue.large = [];
}

/** Runs `fn` with a queue of its own and frees at once what it spent, but for what `kept(result)` names. */
export function withOwnReleaseQueue<T>(device: Device, fn: () => T, kept: (result: T) => readonly unknown[]): T {
  const outer = queueOf(device);
  const inner = new ReleaseQueue();
  queues.set(device, inner);
  let survivors: readonly unknown[] = [];
  try {
    const result = fn();
    survivors = kept(result);
    return result;
  } finally {
    queues.set(device, outer);
    for (const tensor of [...inner.large, ...inner.small]) if (!survivors.includes(tensor)) free(tensor);
  }
}

function free(tensor: Tensor): void {
  tensor.freedBy = WHY;
  tensor.dispose();
}
