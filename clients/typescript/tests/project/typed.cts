import { Calls, type CallInvitation } from "chattrix-calls";

const calls = new Calls({ url: "http://127.0.0.1:1", token: "a token" });
calls.on("invitation", ({ callId }: CallInvitation) => void calls.reject(callId, "busy"));
