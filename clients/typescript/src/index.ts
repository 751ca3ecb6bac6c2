export { Calls, type CallsEvents, type Options } from "./calls.js";
export { ApiError, Rest, type Arguments } from "./rest.js";
export type { AppEvent, SocketClass, SocketLike, Timing } from "./socket.js";
export type { TokenSource } from "./token.js";
export * from "./types.js";
