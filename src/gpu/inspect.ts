/** The way objects show themselves in consoles. */

/** The keys that Node and Bun, and Deno, ask an object for. */
const HOOKS = [Symbol.for("nodejs.util.inspect.custom"), Symbol.for("Deno.customInspect")];

/** Makes `console.log` print what `toString` gives instead of an object's internals. */
export function printAsString(Class: { prototype: { toString(): string } }): void {
  for (const hook of HOOKS) {
    const value = function (this: object): string {
      return this.toString();
    };
    Object.defineProperty(Class.prototype, hook, { value, configurable: true });
  }
}
