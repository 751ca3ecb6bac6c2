// Something that changes, and whoever wants to know of it.

export class Store {
  #watchers = new Set();

  /** Calls `watcher` after each change; returns what stops that. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  changed() {
    for (const watcher of this.#watchers) watcher();
  }
}
