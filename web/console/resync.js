// Synchronisation after a reconnect or a reload.

import { isAnswered } from './phone.js';
import { Refusal } from './rest.js';

/** Reads the live call, presence and history. */
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
  // A call that has just started is newer than this response.
  if (!(status in kinds)) return;
  phone.leave(call, { kind: kinds[status], isCaller: call.isCaller, seconds: durationSeconds });
}

/** Adopts a live call that this page does not know: from before a reload, or of another device. */
function found(phone, live) {
  const isCallee = live.calleeId === phone.userId;
  // A ringing call reaches the callee as an invitation.
  if (isCallee && !isAnswered(live.status)) return;
  if (remembered(phone.key) !== live.id) {
    phone.elsewhere = live;
    return;
  }
  phone.enter(live);
  phone.media.prepare();
  if (isAnswered(live.status)) phone.answered();
}

function caughtUp(phone, call, live) {
  const wasAnswered = isAnswered(call.status);
  call.status = live.status;
  call.startedAt = live.startTime ? Date.parse(live.startTime) : call.startedAt;
  if (!wasAnswered && isAnswered(live.status)) {
    // This page accepted, and the result was lost with the connection.
    if (call.isCaller || call.isAccepting) phone.answered();
    else phone.leave(call, { kind: 'elsewhere' });
  } else if (wasAnswered) {
    phone.media.recover({ unlessConnected: true });
  }
}

/** Checks whether a connection failed because of the token. */
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

/** Remembers the call of this window over a reload. */
export function remember(key, callId) {
  if (callId) sessionStorage.setItem(`call:${key}`, callId);
  else sessionStorage.removeItem(`call:${key}`);
}

const remembered = (key) => sessionStorage.getItem(`call:${key}`);
