/** The device that new tensors are made on, where the program names none. */
import { DisposedError } from "../errors.ts";
import type { Device } from "./device.ts";

let current: Device | undefined;

/** The device that new tensors are made on. */
export function currentDevice(): Device {
  if (!current) throw new DisposedError("no device: call `await init()` first");
  return current;
}

/** Makes `device` the one that new tensors are made on, until it is closed. */
export function setDefaultDevice(device: Device): void {
  current = device;
  device.onClose(() => {
    if (current === device) current = undefined;
  });
}
