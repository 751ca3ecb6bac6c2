// What a phone missed while it had no connection, or its page was loaded anew.

import { isAnswered } from './phone.js';
import { Refusal } from './rest.js';

/** Whatever was missed: which call is live, who is there, what is in the history. */
export async function synchronise(phone) {
  const live = await phone.rest.get('v1/calls/active');
  const { call } = phone;
  phone.elsewhere = null;
  if (call && live?.id !== call.id) await endedMeanwhile(phone, call);
  if (live && !phone.call) found(phone, live);
  else if (live && call && live.id === call.id) caughtUp(phone, call, live);
  await Promise.all([phone.lookAround(), phone.lookBack()]);
  phone.changed();
}

async function endedMeanwhile(phone, call) {
  const { status, durationSeconds } = await phone.rest.get(`v1/calls/${call.id}`);
  const kinds = { MISSED: 'missed', REJECTED: 'rejected', ENDED: isAnswered(call.status) ? 'ended' : 'cancelled' };
  // A call that has only just begun is newer than what was asked for.
  if (!(status in kinds)) return;
  phone.leave(call, { kind: kinds[status], isCaller: call.isCaller, seconds: durationSeconds });
}

/** A live call that this page does not know: its own from before it was loaded anew, or another device's. */
function found(phone, live) {
  const isCallee = live.calleeId === phone.userId;
  // What rings for the callee comes as an invitation.
  if (isCallee && !isAnswered(live.status)) return;
  if (remembered(phone.key) !== live.id) {
    phone.elsewhere = live;
    return;
  }
  phone.enter(live);
  phone.talk.prepare();
  if (isAnswered(live.status)) phone.answered();
}

function caughtUp(phone, call, live) {
  const wasAnswered = isAnswered(call.status);
  call.status = live.status;
  call.startedAt = live.startTime ? Date.parse(live.startTime) : call.startedAt;
  if (!wasAnswered && isAnswered(live.status)) {
    // An acceptance whose outcome was lost with the connection was this page's own.
    if (call.isCaller || call.isAccepting) phone.answered();
    else phone.leave(call, { kind: 'elsewhere' });
  } else if (wasAnswered) {
    phone.talk.recover({ unlessConnected: true });
  }
}

/** Whether it was the token for which a connection failed. */
export async function checkToken(phone) {
  try {
    await phone.rest.get('v1/calls/active');
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 401) return;
    if (phone.pass.isRenewable) {
      await phone.pass.fetch();
    } else {
      phone.socket.leave();
      phone.socket.state = 'expired';
      phone.connectionChanged();
    }
  }
}

/** The call that this window is in outlives a reload of the page. */
export function remember(key, callId) {
  if (callId) sessionStorage.setItem(`call:${key}`, callId);
  else sessionStorage.removeItem(`call:${key}`);
}

const remembered = (key) => sessionStorage.getItem(`call:${key}`);
