/** What has changed, in order, as far back as it is remembered: from it come the changes since a revision. Pure. */

/** Changes that are remembered; whoever is further behind gets a snapshot. */
const DEFAULT_CAPACITY = 65_536;

export class ChangeLog<K> {
  readonly #capacity: number;
  readonly #revisions: bigint[] = [];
  readonly #keys: K[] = [];
  /** Where the remembered ones begin: what lies before is dropped in bulk. */
  #start = 0;
  /** Everything after this revision is remembered. */
  #since: bigint;

  /** @param since - the revision from which on changes will be appended. */
  constructor(since: bigint, capacity: number = DEFAULT_CAPACITY) {
    this.#since = since;
    this.#capacity = capacity;
  }

  /** `revision` is never lower than the one before. */
  append(revision: bigint, key: K): void {
    this.#revisions.push(revision);
    this.#keys.push(key);
    if (this.#keys.length - this.#start <= this.#capacity) return;
    this.#since = this.#revisions[this.#start]!;
    this.#start++;
    if (this.#start < this.#capacity) return;
    this.#revisions.splice(0, this.#start);
    this.#keys.splice(0, this.#start);
    this.#start = 0;
  }

  /** What has changed after `revision`, each once; `undefined` when that is too long ago, or not of this log. */
  since(revision: bigint): Set<K> | undefined {
    if (revision < this.#since) return undefined;
    const changed = new Set<K>();
    for (let index = this.#keys.length - 1; index >= this.#start && this.#revisions[index]! > revision; index--)
      changed.add(this.#keys[index]!);
    return changed;
  }

  /** As {@link since}, each with the revision of its last change, the one that has rested longest first. */
  changesSince(revision: bigint): readonly { readonly key: K; readonly revision: bigint }[] | undefined {
    if (revision < this.#since) return undefined;
    const last = new Map<K, bigint>();
    for (let index = this.#keys.length - 1; index >= this.#start && this.#revisions[index]! > revision; index--)
      if (!last.has(this.#keys[index]!)) last.set(this.#keys[index]!, this.#revisions[index]!);
    return [...last].map(([key, at]) => ({ key, revision: at })).reverse();
  }
}
