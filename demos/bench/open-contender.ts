import type { Contender, ContenderName } from "./contender.ts";

/** Loads a library. Everything that a program must do before its first operation happens here. */
export async function openContender(name: ContenderName): Promise<Contender> {
  switch (name) {
    case "gradwell":
      return (await import("./contenders/gradwell.ts")).open();
    case "tfjs-webgpu":
      return (await import("./contenders/tfjs.ts")).open("webgpu");
    case "tfjs-wasm":
      return (await import("./contenders/tfjs.ts")).open("wasm");
    case "jax-webgpu":
      return (await import("./contenders/jax.ts")).open("webgpu");
    case "jax-wasm":
      return (await import("./contenders/jax.ts")).open("wasm");
  }
}
