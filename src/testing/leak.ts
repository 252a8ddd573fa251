/** assertNoLeak: finds tensors that a function leaves behind. */
import { ArgumentError, check, expected } from "../errors.ts";
import { currentDevice } from "../gpu/default-device.ts";
import type { Device } from "../gpu/device.ts";
import { watch } from "../tensor/scope.ts";
import { handleOf, Tensor } from "../tensor/tensor.ts";
import { AssertionError } from "./failure.ts";

/**
 * Runs `fn` (awaited, if async) and throws an AssertionError that names the tensors it made and did not free: neither
 * disposed, nor freed by a scope or with their graph. Memory that grew without a tensor makes it run a second time,
 * since caches are made once; if it grows again, that is a leak too.
 */
export async function assertNoLeak(fn: () => unknown): Promise<void> {
  check(typeof fn === "function", ArgumentError, () => expected("assertNoLeak", "fn", "a function", fn));
  const device = currentDevice();
  const grown = await growth(device, fn);
  if (grown > 0) {
    const again = await growth(device, fn);
    if (again > 0) throw new AssertionError(`assertNoLeak: ${again} bytes more than before, in no new tensor`);
  }
}

/** Bytes that a run of `fn` left in use. Throws if it left tensors. */
async function growth(device: Device, fn: () => unknown): Promise<number> {
  const made: Tensor[] = [];
  const before = device.memory().liveBytes;
  const unwatch = watch((tensor) => {
    if (tensor instanceof Tensor && tensor.device === device) made.push(tensor);
  });
  try {
    await fn();
  } finally {
    unwatch();
  }
  const grown = device.memory().liveBytes - before;
  const left = made.filter((tensor) => handleOf(tensor).counted);
  if (left.length === 0) return grown;
  throw new AssertionError(
    `assertNoLeak: ${left.length} ${left.length === 1 ? "tensor" : "tensors"} and ${grown} bytes more than before: ${list(left)}`,
  );
}

function list(tensors: readonly Tensor[]): string {
  const counts = new Map<string, number>();
  for (const { label, shape, dtype } of tensors) {
    const name = `${label ? `'${label}' ` : ""}${dtype} [${shape.join(", ")}]`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const names = [...counts].map(([name, count]) => (count > 1 ? `${count} x ${name}` : name));
  return names.length > 8 ? `${names.slice(0, 8).join(", ")} and ${names.length - 8} other kinds` : names.join(", ");
}
