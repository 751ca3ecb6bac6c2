import { Calls, type CallInvitation, type HistoryPage } from "chattrix-calls";

const calls = new Calls({ url: "http://127.0.0.1:1", token: async ({ fresh }) => `a ${fresh ? "new" : "known"} token` });
calls.on("invitation", ({ callId, callerName }: CallInvitation) => void calls.accept(callId + callerName));
export const page: Promise<HistoryPage> = calls.rest.request("getHistory", { query: { limit: 20 } });
// @ts-expect-error There is no such call type.
void calls.initiate({ calleeId: "bob", callType: "HOLOGRAM", channelId: "a-channel" });
