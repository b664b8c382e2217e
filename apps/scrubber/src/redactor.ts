const MASK = "***";

/** Shorter texts are not masked: they would be found inside of ordinary words, and mask those. */
const SHORTEST = 4;

/** Property names under which a configuration keeps a secret, even where it is written in the clear. */
const SECRET_NAME = /(secret|password|passwd|token|credential|credentials|sas|connectionstring|key|keys)$/i;

/** Knows the secrets of one run, and takes them out of everything that is shown. */
export interface Redactor {
  /** From now on `secret` is masked, and so are the parts of it that are secrets by themselves (the password of a URL, the key of a connection string). */
  add(secret: string): void;
  /** Adds every string in a configuration that stands under a name like `password` or `accountKey`, and the passwords of URLs. */
  addFrom(options: unknown): void;
  text(text: string): string;
  /** As `text`, for every string in a value that is to become JSON. */
  value(value: unknown): unknown;
}

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let pattern: RegExp | undefined;

  function add(secret: string): void {
    for (const part of [secret, ...partsOf(secret)]) {
      for (const spelling of [part, encodeURIComponent(part.toWellFormed()), JSON.stringify(part).slice(1, -1)]) {
        if (spelling.length >= SHORTEST) secrets.add(spelling);
      }
    }
    pattern = undefined;
  }

  function addFrom(options: unknown, name = ""): void {
    if (typeof options === "string") {
      if (SECRET_NAME.test(name)) add(options);
      else for (const part of partsOf(options)) add(part);
    } else if (Array.isArray(options)) {
      for (const item of options) addFrom(item, name);
    } else if (isPlainObject(options)) {
      for (const [key, item] of Object.entries(options)) addFrom(item, key);
    }
  }

  function text(shown: string): string {
    if (secrets.size === 0) return shown;
    // The longest first, or the rest of a secret that begins like another would stay.
    pattern ??= new RegExp(
      [...secrets]
        .toSorted((a, b) => b.length - a.length)
        .map((secret) => secret.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"))
        .join("|"),
      "g",
    );
    return shown.replace(pattern, MASK);
  }

  function value(shown: unknown): unknown {
    if (secrets.size === 0) return shown;
    if (typeof shown === "string") return text(shown);
    if (Array.isArray(shown)) return shown.map(value);
    if (!isPlainObject(shown)) return shown;
    return Object.fromEntries(Object.entries(shown).map(([key, item]) => [key, value(item)]));
  }

  return { add, addFrom: (options) => addFrom(options), text, value };
}

function partsOf(secret: string): string[] {
  const parts: string[] = [];
  const userInfo = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)@/.exec(secret)?.[1];
  const password = userInfo?.slice(userInfo.indexOf(":") + 1);
  if (password !== undefined && password !== userInfo) parts.push(password, decoded(password));
  for (const [, value] of secret.matchAll(/(?:key|signature|sig|secret|password|pwd|token)=([^;&\s]+)/gi)) {
    if (value !== undefined) parts.push(value, decoded(value));
  }
  return parts;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a value is an object literal, as JSON and YAML make them; a plugin's own classes are none. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
