/** The open devices, and which of them new tensors are made on where the program names none. */
import { DisposedError } from "../errors.ts";
import { type Device, runtimeOf } from "./device.ts";

/** Also what keeps them from being collected: in Bun an adapter or instance that is collected aborts the process. */
const open = new Map<Device, unknown>();
let current: Device | undefined;

/** The device that new tensors are made on. */
export function currentDevice(): Device {
  if (current) return current;
  throw new DisposedError(
    open.size > 0
      ? "no default device: others are open, so name one with { device }, or call `await init()` for a new default"
      : "no device: call `await init()` first",
  );
}

/** The default device while it can be used. */
export const usableDefault = (): Device | undefined => (current && runtimeOf(current).isUsable ? current : undefined);

/** The open device on `gpu`, if there is one. */
export const deviceOn = (gpu: GPUDevice): Device | undefined =>
  [...open.keys()].find((device) => device.gpu === gpu && runtimeOf(device).isUsable);

/** Keeps a device, and what it cannot be without, until it is closed or lost. */
export function keepOpen(device: Device, needed: unknown): void {
  open.set(device, needed);
  runtimeOf(device).onClose(() => {
    open.delete(device);
    if (current === device) current = undefined;
  });
  void device.lost.then(() => open.delete(device));
}

/** Makes `device` the one that new tensors are made on. */
export function setDefaultDevice(device: Device): void {
  current = device;
}
