/** Lists of the host, whose elements TypeScript knows only after a look. */

/** Element `i` of a list, which must have one: for indices that are computed. */
export function elementAt<T>(list: ArrayLike<T>, i: number): NonNullable<T> {
  const element = list[i];
  if (element === undefined || element === null) throw new RangeError(`a list of ${list.length} has no element ${i}`);
  return element;
}

/** True for every view of an `ArrayBuffer` but a `DataView`. */
export const isTypedArray = (value: unknown): value is ArrayBufferView & ArrayLike<number | bigint> =>
  ArrayBuffer.isView(value) && "length" in value;
