// A chat app's calls: log in, see the contacts, ring, answer, end. Media is left out: both sides join `channelId`.

const element = (id) => document.getElementById(id);
const { callsUrl, users } = await (await fetch("config")).json();
// The server serves the client of its own version. An app with a bundler installs the package instead.
const { ApiError, Calls } = await import(`${callsUrl}/client.js`);

/** One device: a renewed token continues its session, and another tab is another device. */
const device = (sessionStorage.device ??= Math.random().toString(36).slice(2));
let calls;
/** The call on the screen: its id, the other user, and its state: outgoing, incoming or talking. */
let call = null;

for (const [id, name] of Object.entries(users)) element("user").add(new Option(name, id));
element("login").addEventListener("submit", (event) => {
  event.preventDefault();
  logIn(element("user").value);
});

function logIn(user) {
  element("login").hidden = true;
  element("app").hidden = false;
  element("me").textContent = users[user];
  calls = new Calls({
    url: callsUrl,
    token: async () => {
      const response = await fetch(`token?${new URLSearchParams({ user, device })}`, { method: "POST" });
      if (!response.ok) throw new Error("logged out");
      return response.text();
    },
  });

  calls.on("connected", ({ active }) => {
    element("connection").textContent = "connected";
    // After a reload of the page, a call that was answered here continues.
    if (active && active.status !== "RINGING" && active.status !== "INITIATING") {
      show({ id: active.id, other: active.callerId === user ? active.calleeId : active.callerId, state: "talking" });
    }
    void listContacts(user);
  });
  calls.on("disconnected", ({ retryInMs }) => {
    element("connection").textContent = retryInMs === null ? "logged out elsewhere" : "reconnecting";
  });
  calls.on("invitation", ({ callId, callerId }) => show({ id: callId, other: callerId, state: "incoming" }));
  calls.on("accepted", ({ callId, acceptedBy }) => {
    if (call?.id !== callId) return;
    // This user accepted on another device: stop ringing here.
    if (acceptedBy === user) show(null, "Answered on another device");
    else talk();
  });
  calls.on("over", ({ callId, status }) => {
    const sentences = { REJECTED: "Call declined", MISSED: "No answer", ENDED: "Call ended" };
    if (call?.id === callId) show(null, sentences[status]);
  });
  calls.on("error", ({ message }) => notify(message));
  calls.connect();
}

/** Shows the contacts and who of them is online. */
async function listContacts(user) {
  const online = await attempt(() => calls.rest.request("getOnlineUsers"));
  const items = Object.entries(users).filter(([id]) => id !== user).map(([id, name]) => {
    const item = document.createElement("li");
    const label = document.createElement("span");
    const button = document.createElement("button");
    label.textContent = online?.some(({ userId }) => userId === id) ? `${name} (online)` : name;
    button.textContent = "Call";
    button.setAttribute("aria-label", `Call ${name}`);
    button.addEventListener("click", () => ring(id));
    item.append(label, button);
    return item;
  });
  element("contacts").replaceChildren(...items);
}

async function ring(calleeId) {
  const channelId = `chat-${Date.now()}`;
  const begun = await attempt(() => calls.initiate({ calleeId, callType: "AUDIO", channelId }));
  if (begun) show({ id: begun.id, other: calleeId, state: "outgoing" });
}

/** The call is answered. Here an app joins the media channel, and reports that media flows. */
function talk() {
  show({ ...call, state: "talking" });
  void attempt(() => calls.setStatus(call.id, "ACTIVE"));
}

element("accept").addEventListener("click", async () => {
  if (await attempt(() => calls.accept(call.id))) talk();
});
element("decline").addEventListener("click", () => attempt(() => calls.reject(call.id, "declined")));
element("end").addEventListener("click", () => attempt(() => calls.end(call.id)));

/** Shows a call, or none, and a sentence below. */
function show(next, sentence = "") {
  call = next;
  element("call").hidden = call === null;
  notify(sentence);
  if (!call) return;
  const name = users[call.other] ?? call.other;
  const sentences = { outgoing: `Calling ${name}…`, incoming: `${name} calls`, talking: `In a call with ${name}` };
  element("state").textContent = sentences[call.state];
  for (const id of ["accept", "decline"]) element(id).hidden = call.state !== "incoming";
  element("end").hidden = call.state === "incoming";
}

function notify(sentence) {
  element("notice").textContent = sentence;
}

/** Runs an action; shows its error. */
async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    notify(error instanceof ApiError ? error.message : "The server cannot be reached");
    return null;
  }
}
