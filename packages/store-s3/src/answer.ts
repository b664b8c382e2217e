import type { ObjectRef } from "./delete-request.ts";
import type { DeleteAnswer, DeletedElement, ErrorElement } from "./delete-result.ts";
import type { Failure } from "./failure.ts";

/** What the server said of one object. */
export type Answer =
  /** Gone. `marker`: only a marker was left, or (of a version) a marker was removed. */
  | { readonly kind: "deleted"; readonly marker: boolean; readonly markerVersionId?: string | undefined }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  /** The server's answer does not say. */
  | { readonly kind: "unknown"; readonly reason: string }
  /** No answer came. `sent`: it may be gone or not; else nothing was done. */
  | { readonly kind: "unanswered"; readonly failure: Failure; readonly sent: boolean };

export const DELETED: Answer = { kind: "deleted", marker: false };
const NOT_MENTIONED: Answer = { kind: "unknown", reason: "the server's answer does not mention it" };

/** What is said of a name without saying which version is meant. */
interface Loose {
  deleted: number;
  readonly errors: ErrorElement[];
}

/**
 * Holds an answer against what was asked, whatever its order: one for each. An object that the server says was both deleted and not counts as not.
 *
 * Some servers (OpenStack Swift) leave the version out of their answers. Of several versions of a name, such an answer counts only if it is the same for all.
 */
export function matchAnswers(
  asked: readonly ObjectRef[],
  { deleted, errors }: Extract<DeleteAnswer, { root: "DeleteResult" }>,
): readonly Answer[] {
  if (
    errors.length === 0 &&
    deleted.length === asked.length &&
    deleted.every((one, index) => isPlain(one, asked[index]))
  ) {
    return deleted.map(() => DELETED);
  }
  const found: (Answer | undefined)[] = Array.from({ length: asked.length });
  const names = new SameNames(asked);
  const loose = new Map<string, Loose>();
  const looseOf = (name: string): Loose => {
    let known = loose.get(name);
    if (known === undefined) loose.set(name, (known = { deleted: 0, errors: [] }));
    return known;
  };
  for (const { key, versionId, marker, markerVersionId } of deleted) {
    const index = names.find(key, versionId);
    if (index === undefined) looseOf(key).deleted++;
    else
      found[index] = !marker
        ? DELETED
        : {
            kind: "deleted",
            marker,
            markerVersionId: asked[index]?.versionId === undefined ? markerVersionId : undefined,
          };
  }
  for (const error of errors) {
    const index = names.find(error.key, error.versionId);
    if (index === undefined) {
      if (error.versionId === undefined) looseOf(error.key).errors.push(error);
    } else found[index] = { kind: "refused", code: error.code, message: error.message };
  }
  for (const [name, { deleted: count, errors: refusals }] of loose) {
    const open = names.all(name).filter((index) => found[index] === undefined);
    const [refusal] = refusals;
    if (open.length !== count + refusals.length || (count > 0 && refusal !== undefined)) continue;
    for (const index of open)
      found[index] =
        refusal === undefined ? DELETED : { kind: "refused", code: refusal.code, message: refusal.message };
  }
  return found.map((answer) => answer ?? NOT_MENTIONED);
}

/** The usual answer, in the order of the question: nothing has to be looked up for it. */
function isPlain({ key, versionId, marker }: DeletedElement, asked: ObjectRef | undefined): boolean {
  return key === asked?.name && versionId === undefined && asked.versionId === undefined && !marker;
}

/** Where each name stands among what was asked; more than once, if several versions of it were. */
class SameNames {
  readonly #asked: readonly ObjectRef[];
  readonly #first = new Map<string, number>();
  readonly #next = new Map<number, number>();

  constructor(asked: readonly ObjectRef[]) {
    this.#asked = asked;
    for (let i = asked.length - 1; i >= 0; i--) {
      const { name } = asked[i] as ObjectRef;
      const following = this.#first.get(name);
      if (following !== undefined) this.#next.set(i, following);
      this.#first.set(name, i);
    }
  }

  /** The one that an answer means; undefined if that cannot be told. */
  find(name: string, versionId: string | undefined): number | undefined {
    const first = this.#first.get(name);
    if (first === undefined) return undefined;
    const only = !this.#next.has(first);
    for (let i: number | undefined = first; i !== undefined; i = this.#next.get(i)) {
      const wanted = this.#asked[i]?.versionId;
      if (wanted === versionId || (only && (versionId === undefined || wanted === undefined))) return i;
    }
    return undefined;
  }

  all(name: string): readonly number[] {
    const indexes: number[] = [];
    for (let i = this.#first.get(name); i !== undefined; i = this.#next.get(i)) indexes.push(i);
    return indexes;
  }
}
