/** Which device init() gives, and what it refuses. */

import { afterEach, describe, expect, it } from "vitest";
import { requestAdapter } from "../../src/gpu/adapter/adapter.node.ts";
import { runtimeOf } from "../../src/gpu/device.ts";
import {
  ArgumentError,
  currentDevice,
  type Device,
  DeviceLostError,
  DisposedError,
  type InitOptions,
  init,
  NoAdapterError,
  rand,
  tensor,
  zeros,
} from "../../src/index.ts";

const opened = new Set<Device>();
/** Remembered, so that each test ends without a device. */
async function open(options?: InitOptions): Promise<Device> {
  const device = await init(options);
  opened.add(device);
  return device;
}
afterEach(async () => {
  for (const device of opened) {
    await device.close();
    if (!runtimeOf(device).isUsable) device.gpu.destroy();
  }
  opened.clear();
});

/** A device that the page made itself. */
const foreign = async () => (await requestAdapter({ adapter: "auto" })).adapter.requestDevice();

describe("the default device", () => {
  it.each([undefined, {}, { adapter: undefined }, { adapter: "auto" }, { default: true }] as const)(
    "is what init(%o) gives while it is open",
    async (options) => {
      const first = await open();
      expect(await open(options as InitOptions)).toBe(first);
      expect(currentDevice()).toBe(first);
    },
  );

  it("is one, however many ask for it at the same time", async () => {
    const all = await Promise.all([open(), open(), open({ seed: 3 }), open({})]);
    expect(new Set(all).size).toBe(1);
    expect(currentDevice()).toBe(all[0]);
  });

  it("is the one that was asked for first, though another call asks while it is being opened", async () => {
    const [first, second, third] = await Promise.all([
      open({ adapter: "software" }),
      open({ adapter: "software" }),
      open(),
    ]);
    expect(second).not.toBe(first);
    expect(third).toBe(first);
    expect(currentDevice()).toBe(first);
  });

  it.each([
    ["an adapter", async () => ({ adapter: "software" }) as const],
    ["a power preference", async () => ({ powerPreference: "low-power" }) as const],
    ["a GPUDevice", async () => ({ device: await foreign() })],
    ["none", async () => ({ default: false })],
  ])("stays when another device is asked for by %s, also when that is closed", async (_, options) => {
    const first = await open();
    const x = tensor([1, 2]);
    const other = await open(await options());
    expect(other).not.toBe(first);
    expect(currentDevice()).toBe(first);
    expect(await tensor([3], { device: other }).tolist()).toEqual([3]);
    await other.close();
    expect(await x.add(zeros([2])).tolist()).toEqual([1, 2]);
  });

  it("is another one when that is asked for", async () => {
    const first = await open();
    const other = await open({ adapter: "software", default: true });
    expect(currentDevice()).toBe(other);
    await other.close();
    expect(runtimeOf(first).isUsable).toBe(true);
    expect(() => zeros([1])).toThrow(DisposedError);
    expect(() => zeros([1])).toThrow(/no default device.*\{ device \}.*init\(\)/);
    expect(await zeros([1], { device: first }).item()).toBe(0);
    const third = await open();
    expect([first, other]).not.toContain(third);
    expect(currentDevice()).toBe(third);
  });

  it("may be passed to init when it is open already", async () => {
    const first = await open();
    const gpu = await foreign();
    const other = await open({ device: gpu });
    expect(currentDevice()).toBe(first);
    expect(await open({ device: gpu, default: true })).toBe(other);
    expect(currentDevice()).toBe(other);
  });

  it("is a new one after it was lost", async () => {
    const first = await open();
    first.gpu.destroy();
    // Not waited for: whoever asks must not get what is dead.
    const [second, third] = await Promise.all([open(), open()]);
    expect(second).not.toBe(first);
    expect(third).toBe(second);
    expect(await zeros([2]).tolist()).toEqual([0, 0]);
    expect(() => zeros([1], { device: first })).toThrow(DeviceLostError);
  });

  it("opens after an attempt that failed, for all who waited", async () => {
    process.env.GRADWELL_ADAPTER = "gpu";
    const failing = open().catch((error: unknown) => error);
    delete process.env.GRADWELL_ADAPTER;
    const [failed, waited] = await Promise.all([failing, open()]);
    // On a machine with a GPU the first succeeds.
    if (failed instanceof Error) expect(failed).toBeInstanceOf(NoAdapterError);
    expect(currentDevice()).toBe(waited);
  });
});

describe("options that set state", () => {
  it("set it on the device that is open", async () => {
    const device = await open({ seed: 5 });
    const first = await rand([4]).tolist();
    await rand([4]).tolist();
    expect(await open({ seed: 5, validation: true })).toBe(device);
    expect(runtimeOf(device).validation).toBe(true);
    expect(await rand([4]).tolist()).toEqual(first);
    runtimeOf(device).tuning.choices.set("a shape", { variant: "register" });
    await open({ tuning: false, debug: 1 });
    expect(runtimeOf(device).tuning.choices.size).toBe(0);
    expect(runtimeOf(device).recorder.debug).toBeDefined();
    await open({ debug: 0, validation: false });
    expect(runtimeOf(device).recorder.debug).toBeUndefined();
    expect(runtimeOf(device).validation).toBe(false);
  });

  it("stay as they are when not given", async () => {
    const device = await open({ seed: 5, validation: true });
    await rand([4]).tolist();
    const before = { ...runtimeOf(device).random };
    await open();
    expect(runtimeOf(device).random).toEqual(before);
    expect(runtimeOf(device).validation).toBe(true);
  });
});

/** Values that no option takes, some of which throw when they are looked at. */
const wrong: readonly [string, unknown][] = [
  ["null", null],
  ["a symbol", Symbol("s")],
  ["a bigint", 1n],
  ["NaN", Number.NaN],
  ["a fraction", 0.5],
  ["a string", "software-ish"],
  ["an empty string", ""],
  ["an object", {}],
  ["an array", ["auto"]],
  ["a function", () => "auto"],
  ["a proxy", new Proxy({}, {})],
  ["a revoked proxy", revoked()],
  ["a throwing getter", Object.defineProperty({}, "limits", { get: fail, enumerable: true })],
  ["a boxed string", Object("auto")],
];

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

function fail(): never {
  throw new TypeError("looked at");
}

describe("init refuses", () => {
  const names = ["adapter", "device", "powerPreference", "default", "seed", "validation", "debug", "tuning"] as const;
  it.each(names.flatMap((name) => wrong.map(([what, value]) => [name, what, value] as const)))(
    "%s given as %s",
    async (name, _, value) => {
      const attempt = init({ [name]: value } as never);
      await expect(attempt).rejects.toBeInstanceOf(ArgumentError);
      await expect(attempt).rejects.toThrow(`init: argument '${name}' expected`);
    },
  );

  it.each([...wrong, ["a number", 5], ["a map", new Map()], ["true", true]] as const)(
    "%s instead of the options",
    async (what, value) => {
      // Without an option in it, an object literal asks for nothing.
      if (what === "an object" || what === "a proxy") return;
      await expect(init(value as never)).rejects.toBeInstanceOf(ArgumentError);
    },
  );

  it("a GPUDevice or a gradwell device instead of the options", async () => {
    const device = await open();
    await expect(init(device.gpu as never)).rejects.toThrow(/argument 'options'/);
    await expect(init(device as never)).rejects.toThrow(/argument 'options'/);
  });

  it("a proxy of a GPUDevice, whose methods would throw later", async () => {
    const gpu = await foreign();
    await expect(init({ device: new Proxy(gpu, {}) })).rejects.toBeInstanceOf(ArgumentError);
    await expect(init({ device: Object.create(gpu) })).rejects.toBeInstanceOf(ArgumentError);
    gpu.destroy();
  });

  it("unknown options, with the nearest name", async () => {
    await expect(init({ adaptor: "gpu" } as never)).rejects.toThrow(/did you mean 'adapter'/);
  });

  it("anything without leaving a device behind", () => {
    expect(() => currentDevice()).toThrow(/no device: call `await init\(\)` first/);
  });
});
