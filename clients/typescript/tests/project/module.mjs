import { ApiError, Calls } from "chattrix-calls";

const calls = new Calls({ url: "http://127.0.0.1:1", token: "a token" });
console.log(Calls.name, ApiError.name, calls.isConnected);
