/**
 * Names of objects that trouble servers, clients, URLs and XML: for tests of stores whose names are free. The last one cannot stand in XML at all. A neighbour of
 * each is not among them, so that a test can make sure that nothing else is touched: `a`, `x`, `y`, `a/b`.
 */
export const oddNames: readonly string[] = [
  "a b",
  "a+b",
  "a&b<c>\"d'",
  "ünï/日本.jpg",
  "a//b",
  "./x",
  "../y",
  "x/",
  "new\nline",
  "pct%2Fkey",
  "tab\tkey",
  "carriage\rreturn",
  "emoji😀",
  "control\u0001key",
];
