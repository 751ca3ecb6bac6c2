// Network quality of a call, from the statistics of the browser.

/** Quality levels of the API, best first. */
export const LEVELS = ['EXCELLENT', 'GOOD', 'POOR', 'BAD', 'VERY_BAD'];

/** Limits of packet loss (fraction) and round-trip time (ms) of each level. */
const LIMITS = [
  { level: 'EXCELLENT', loss: 0.01, roundTrip: 150 },
  { level: 'GOOD', loss: 0.03, roundTrip: 300 },
  { level: 'POOR', loss: 0.08, roundTrip: 500 },
  { level: 'BAD', loss: 0.2, roundTrip: 1000 },
];

/** Sampler of a connection: each sample is the difference to the previous one. */
export class Sampler {
  #before = null;

  constructor(connection) {
    this.connection = connection;
  }

  /** `{level, loss, roundTrip, kilobits, frames, decoded}` since the last sample; no level without traffic. */
  async sample() {
    const now = performance.now();
    const sum = { received: 0, lost: 0, bytes: 0, decoded: 0, roundTrip: null };
    for (const report of (await this.connection.getStats()).values()) {
      if (report.type === 'inbound-rtp') {
        sum.received += report.packetsReceived ?? 0;
        sum.lost += Math.max(0, report.packetsLost ?? 0);
        sum.bytes += report.bytesReceived ?? 0;
        sum.decoded += report.framesDecoded ?? 0;
      } else if (report.type === 'candidate-pair' && report.nominated && report.currentRoundTripTime !== undefined) {
        sum.roundTrip = report.currentRoundTripTime * 1000;
      }
    }
    const before = this.#before;
    this.#before = { ...sum, now };
    const { roundTrip, decoded, bytes } = sum;
    if (!before || bytes < before.bytes) {
      return { level: null, loss: null, kilobits: 0, frames: 0, roundTrip, decoded, bytes };
    }
    const seconds = (now - before.now) / 1000;
    const received = sum.received - before.received;
    const lost = Math.max(0, sum.lost - before.lost);
    const loss = received + lost > 0 ? lost / (received + lost) : null;
    return {
      level: levelOf(loss, roundTrip),
      loss,
      kilobits: (8 * (bytes - before.bytes)) / 1000 / seconds,
      frames: (decoded - before.decoded) / seconds,
      roundTrip,
      decoded,
      bytes,
    };
  }
}

/** Returns the level of a packet loss and a round-trip time. No incoming packets is the worst level. */
export function levelOf(loss, roundTrip) {
  if (loss === null) return 'VERY_BAD';
  const fits = LIMITS.find((limit) => loss <= limit.loss && (roundTrip ?? 0) <= limit.roundTrip);
  return fits?.level ?? 'VERY_BAD';
}
