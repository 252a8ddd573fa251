/** Import before uPlot: it formats by `navigator.language` while it loads, and some Chromes report one that Intl refuses. */
try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  // Seen with LANG=C.UTF-8: "en-US@posix".
  Object.defineProperty(navigator, "language", { value: "en-US" });
}
