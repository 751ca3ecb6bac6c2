/** Handlers of changes of the device's network. */
export interface NetworkHandlers {
  /** The device has no network. */
  offline(): void;
  /** The device has a network again: the connections of the network before are dead. */
  online(): void;
  /** The network may be another one, or the device may have slept. */
  doubtful(): void;
}

/** The part of a browser that reports changes. Other platforms have none of it. */
interface Page {
  addEventListener?: EventTarget["addEventListener"];
  removeEventListener?: EventTarget["removeEventListener"];
  document?: EventTarget & { visibilityState: string };
  navigator?: { connection?: Partial<EventTarget> };
}

/** Calls the handlers until the returned function is called. Does nothing outside of a browser. */
export function watchNetwork(handlers: NetworkHandlers): () => void {
  const page = globalThis as unknown as Page;
  const { document } = page;
  const visible = () => {
    if (document?.visibilityState === "visible") handlers.doubtful();
  };
  const watched: [Partial<EventTarget> | undefined, string, () => void][] = [
    [page as Partial<EventTarget>, "offline", () => handlers.offline()],
    [page as Partial<EventTarget>, "online", () => handlers.online()],
    [page.navigator?.connection, "change", () => handlers.doubtful()],
    [document, "visibilitychange", visible],
  ];
  for (const [target, name, listener] of watched) target?.addEventListener?.(name, listener);
  return () => {
    for (const [target, name, listener] of watched) target?.removeEventListener?.(name, listener);
  };
}
