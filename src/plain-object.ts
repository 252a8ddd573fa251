/** Reports whether a value is an object literal (of any realm), which is what options are. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === Object.prototype) return true;
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf"));
}

/** `value instanceof Class`, and false for what cannot be looked at, such as a revoked proxy. */
export function isInstanceOf<T>(value: unknown, Class: abstract new (...given: never[]) => T): value is T {
  try {
    return value instanceof Class;
  } catch {
    return false;
  }
}
