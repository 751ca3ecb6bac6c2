// Handler of WebSocket events of the server.

import { t } from './i18n.js';
import { isAnswered } from './phone.js';
import { ring } from './ring.js';

/** Time for which a quality warning is shown. */
const WARNING = 10_000;
/** Delay of an automatic answer. */
const ANSWER = 1_500;

/** Handles one message. */
export function handleEvent(phone, message) {
  // The callee may answer before the response to initiate arrives: keep the event until then.
  if (phone.early && message.data) {
    phone.early.push(message);
    return;
  }
  const { type, data, payload, timestamp } = message;
  const { call } = phone;
  const mine = call && (data ?? payload)?.callId === call.id;
  switch (type) {
    case 'call_invitation':
      if (!mine) invited(phone, data, timestamp);
      break;
    case 'call_accepted':
      if (mine && call.isCaller) {
        call.status = 'CONNECTING';
        call.startedAt = Date.parse(timestamp);
        phone.answered();
      } else if (mine && data.acceptedBy === phone.userId) {
        phone.leave(call, { kind: 'elsewhere' });
      }
      break;
    case 'call_rejected':
      if (mine) {
        const byMe = data.rejectedBy === phone.userId;
        phone.leave(call, { kind: 'rejected', byMe, reason: data.reason });
      }
      break;
    case 'call_ended':
      if (phone.elsewhere?.id === data.callId) phone.elsewhere = null;
      if (mine) {
        const kind = isAnswered(call.status) ? 'ended' : 'cancelled';
        phone.leave(call, { kind, byMe: data.endedBy === phone.userId, by: data.endedBy, seconds: data.durationSeconds });
      } else {
        phone.attempt(() => phone.lookBack());
      }
      break;
    case 'call_timeout':
      if (mine) phone.leave(call, { kind: 'missed', isCaller: call.isCaller });
      else phone.attempt(() => phone.lookBack());
      break;
    case 'call_missed':
      phone.attempt(() => phone.lookBack());
      break;
    case 'call_quality_warning':
      if (mine) warned(phone, data.quality);
      break;
    case 'call_signal':
      if (mine) phone.media.receive(data.signal);
      break;
    case 'call_error':
      phone.say(payload.message, payload.errorType);
      break;
    default:
      break;
  }
  phone.changed();
}

function invited(phone, data, timestamp) {
  if (phone.call) return;
  phone.outcome = null;
  phone.attempt(() => phone.lookAround());
  phone.call = {
    id: data.callId,
    isCaller: false,
    otherId: data.callerId,
    otherName: data.callerName,
    type: data.callType,
    status: 'RINGING',
    ringsUntil: Date.parse(timestamp) + phone.settings.ringTimeoutSeconds * 1000,
  };
  phone.beginTalk();
  if (phone.simulated) {
    setTimeout(() => phone.accept(), ANSWER);
  } else {
    ring(phone.key, 'incoming', t(data.callType === 'VIDEO' ? 'calls-video' : 'calls-voice', { name: data.callerName }));
  }
}

function warned(phone, quality) {
  const warning = { quality };
  phone.warning = warning;
  setTimeout(() => {
    if (phone.warning === warning) {
      phone.warning = null;
      phone.changed();
    }
  }, WARNING);
}
