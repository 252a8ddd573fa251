/**
 * Marks a class whose objects a captured function takes for what they are, not for what they hold: the getter
 * `get [keyedByIdentity]() { return true; }`. What its methods read must then be guarded (`device.guard`).
 */
export const keyedByIdentity: unique symbol = Symbol("keyed by identity");
