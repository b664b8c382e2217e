/** Stands for `target` with some of its members replaced. */
export function delegate<T extends object>(target: T, replaced: Partial<NoInfer<T>>): T {
  return new Proxy(target, {
    get(_, name) {
      if (Object.hasOwn(replaced, name)) return Reflect.get(replaced, name);
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
