/** init(): the open device, or from an adapter to a device with all that it can give. */
import { debugEnvironment, requestAdapter } from "#adapter";
import { ArgumentError, GradwellError } from "../errors.ts";
import { Debug } from "./debug.ts";
import { deviceOn, keepOpen, setDefaultDevice, usableDefault } from "./default-device.ts";
import { type Device, makeDevice, runtimeOf } from "./device.ts";
import { FEATURES, infoOf } from "./device-info.ts";
import { checkedOptions, checkLevel, type InitOptions } from "./init-options.ts";

/** Under way to become the default device. */
let opening: Promise<Device> | undefined;

/**
 * Gives the default device, and opens it where none is open: calls at the same time give one device. `adapter: "gpu"` or
 * `"software"`, `device`, `powerPreference` and `default: false` ask for a device of their own, with the largest limits of
 * its adapter; it becomes the default where there is none, or with `default: true`. The other options set the state of the
 * device that is given. After the default was closed or lost, the next call opens a new one.
 */
export async function init(options: InitOptions = {}): Promise<Device> {
  const wanted = checkedOptions(options);
  const level = checkLevel("GRADWELL_DEBUG", debugEnvironment.level());
  const fresh: InitOptions = { debug: level, tuning: "table", ...wanted };
  if (asksForItsOwn(wanted)) {
    const known = wanted.device && deviceOn(wanted.device);
    return known ? setUp(known, wanted) : opened(fresh);
  }
  for (;;) {
    const device = usableDefault();
    if (opening) await opening.catch(() => undefined);
    else if (!device) return opened(fresh);
    else if (await answers(device)) return setUp(device, wanted);
  }
}

const asksForItsOwn = (wanted: InitOptions): boolean =>
  wanted.device !== undefined ||
  wanted.powerPreference !== undefined ||
  wanted.adapter === "gpu" ||
  wanted.adapter === "software" ||
  wanted.default === false;

/** Returns true if a device is still usable: a loss that just happened is reported before the GPU's next answer. */
export async function answers(device: Device): Promise<boolean> {
  device.gpu.pushErrorScope("validation");
  await device.gpu.popErrorScope().catch(() => undefined);
  return runtimeOf(device).isUsable;
}

/** A new device; the first becomes the default one. Claims that before anything is awaited. */
function opened(wanted: InitOptions): Promise<Device> {
  const isFirst = wanted.default !== false && !opening && !usableDefault();
  const made = make({ ...wanted, default: wanted.default ?? isFirst });
  if (isFirst) {
    opening = made;
    const settled = () => {
      opening = undefined;
    };
    made.then(settled, settled);
  }
  return made;
}

async function make(wanted: InitOptions): Promise<Device> {
  return setUp(wanted.device ? wrapped(wanted.device) : await fromAdapter(wanted), wanted);
}

async function setUp(device: Device, { seed, validation, debug, tuning, ...rest }: InitOptions): Promise<Device> {
  if (seed !== undefined) Object.assign(runtimeOf(device).random, { seed, call: 0 });
  if (validation !== undefined) runtimeOf(device).validation = validation;
  if (debug !== undefined)
    runtimeOf(device).recorder.debug = debug > 0 ? new Debug(debug, debugEnvironment.log) : undefined;
  if (tuning !== undefined) await runtimeOf(device).tuning.use(tuning);
  if (rest.default) setDefaultDevice(device);
  return device;
}

async function fromAdapter({ adapter = "auto", powerPreference }: InitOptions): Promise<Device> {
  const choice = await requestAdapter({ adapter, ...(powerPreference && { powerPreference }) });
  const { features, limits, info } = choice.adapter;
  const requiredFeatures = Object.values(FEATURES).filter((name) => features.has(name)) as GPUFeatureName[];
  const gpu = await choice.adapter.requestDevice({
    label: "gradwell",
    requiredFeatures,
    requiredLimits: maximaOf(limits),
  });
  const device = makeDevice(gpu, infoOf(info, choice), true, choice.wait);
  keepOpen(device, choice);
  return device;
}

function wrapped(gpu: GPUDevice): Device {
  try {
    const device = makeDevice(gpu, infoOf(gpu.adapterInfo), false);
    keepOpen(device, gpu);
    return device;
  } catch (error) {
    if (error instanceof GradwellError) throw error;
    throw new ArgumentError(`init: argument 'device' expected a GPUDevice, got what does not work as one: ${error}`);
  }
}

function maximaOf(supported: GPUSupportedLimits): Record<string, number> {
  const limits: Record<string, number> = {};
  for (const name in supported) {
    const value = supported[name as keyof GPUSupportedLimits];
    if (typeof value === "number") limits[name] = value;
  }
  return limits;
}
