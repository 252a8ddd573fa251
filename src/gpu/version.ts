/** The version of this package, for what is remembered from one run to the next. */
export const VERSION = "0.1.0";
