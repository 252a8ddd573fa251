import type { Library, LibraryName } from "./library.ts";

/** Loads a library. Everything that a program must do before its first operation happens here. */
export async function openLibrary(name: LibraryName): Promise<Library> {
  switch (name) {
    case "gradwell":
      return (await import("./libraries/gradwell.ts")).open();
    case "tfjs-webgpu":
      return (await import("./libraries/tfjs.ts")).open("webgpu");
    case "tfjs-wasm":
      return (await import("./libraries/tfjs.ts")).open("wasm");
    case "jax-webgpu":
      return (await import("./libraries/jax.ts")).open("webgpu");
    case "jax-wasm":
      return (await import("./libraries/jax.ts")).open("wasm");
  }
}
