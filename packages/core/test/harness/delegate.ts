/** Stands for `target` with some of its members replaced. */
export function delegate<T extends object>(target: T, replaced: Partial<NoInfer<T>>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(replaced, name)) return Reflect.get(replaced, name);
      const member: unknown = Reflect.get(target, name);
      if (typeof member !== "function") return member;
      return (...parameters: readonly unknown[]): unknown => Reflect.apply(member, target, parameters);
    },
  });
}

/** A copy without one property. */
export function without<T extends object, K extends PropertyKey>(
  of: T,
  name: K,
): T extends unknown ? Omit<T, K> : never {
  // oxlint-disable-next-line no-unsafe-type-assertion -- entries forget the type they came from
  return Object.fromEntries(Object.entries(of).filter(([key]) => key !== name)) as T extends unknown
    ? Omit<T, K>
    : never;
}
