// Observable object.

export class Store {
  #watchers = new Set();

  /** Calls `watcher` after each change; returns a function that stops it. */
  watch(watcher) {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  changed() {
    for (const watcher of this.#watchers) watcher();
  }
}
