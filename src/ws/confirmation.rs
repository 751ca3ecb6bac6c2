//! Pings that ask a peer to confirm its events (contract section 4, "Delivery is confirmed").

use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Shortest time between two of these pings, unless [`MANY`] events wait. Candidates of WebRTC and the events of calls
/// that follow each other closely come in bursts; a pong for each costs the server a read and a wake-up.
const INTERVAL: Duration = Duration::from_millis(50);

/// Events that wait for confirmation at most before the next ping; fewer if the queue remembers fewer.
const MANY: u64 = 16;

/// Confirmation state of a connection: the ping whose pong is awaited, one at a time, and when the next may follow.
pub(super) struct Confirmation {
    /// Number of the last event before the ping whose pong is awaited.
    awaited: Option<u64>,
    /// Number of the last event before any ping.
    covered: u64,
    /// Earliest time of the next ping, unless `many` events wait.
    next_at: Instant,
    many: u64,
}

impl Confirmation {
    /// Returns the state of a connection that opens at `now` and whose queue remembers `capacity` events.
    pub fn new(now: Instant, capacity: usize) -> Self {
        let half = u64::try_from(capacity / 2).unwrap_or(MANY);
        Self {
            many: half.clamp(1, MANY),
            awaited: None,
            covered: 0,
            next_at: now,
        }
    }

    /// Returns the ping to send now, after the event number `last`. Its pong confirms that the peer has received all
    /// events before it (RFC 6455, section 5.5.3, and the order of frames). None if a pong is awaited, if no event is
    /// unconfirmed, or if the ping has time until [`Confirmation::due_at`].
    pub fn request(&mut self, last: u64, now: Instant) -> Option<Message> {
        let due_at = self.due_at(last)?;
        if now < due_at && last - self.covered < self.many {
            return None;
        }
        self.awaited = Some(last);
        self.covered = last;
        self.next_at = now + INTERVAL;
        Some(Message::Ping(Bytes::copy_from_slice(&last.to_be_bytes())))
    }

    /// Returns when the next ping is due after the event number `last`, if one is.
    pub fn due_at(&self, last: u64) -> Option<Instant> {
        (self.awaited.is_none() && last > self.covered).then_some(self.next_at)
    }

    /// Takes the `payload` of a pong. Returns the number of the last event that it confirms, or none if it is not the
    /// awaited one.
    pub fn take(&mut self, payload: &[u8]) -> Option<u64> {
        let confirmed = payload.try_into().map(u64::from_be_bytes).ok()?;
        self.awaited.take_if(|last| *last == confirmed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number that the ping carries.
    fn number(ping: Option<Message>) -> Option<u64> {
        let payload = ping?.into_data();
        Some(u64::from_be_bytes(payload[..].try_into().expect("8 bytes")))
    }

    fn pong(confirmation: &mut Confirmation, last: u64) -> Option<u64> {
        confirmation.take(&last.to_be_bytes())
    }

    #[test]
    fn first_event_is_followed_by_a_ping_at_once() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(now, 256);
        assert_eq!(number(confirmation.request(0, now)), None, "no event");
        assert_eq!(number(confirmation.request(1, now)), Some(1));
        let later = now + 2 * INTERVAL;
        assert_eq!(
            number(confirmation.request(2, later)),
            None,
            "one at a time"
        );
        assert_eq!(pong(&mut confirmation, 2), None, "another number");
        assert_eq!(confirmation.take(b"keep-alive"), None);
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        assert_eq!(pong(&mut confirmation, 1), None, "it was taken");
        assert_eq!(number(confirmation.request(2, later)), Some(2));
    }

    #[test]
    fn one_ping_covers_the_events_of_a_burst() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(now, 256);
        assert_eq!(number(confirmation.request(1, now)), Some(1));
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        for last in 2..=MANY {
            assert_eq!(number(confirmation.request(last, now)), None);
            assert_eq!(confirmation.due_at(last), Some(now + INTERVAL));
        }
        let due = now + INTERVAL;
        assert_eq!(number(confirmation.request(MANY, due)), Some(MANY));
        assert_eq!(confirmation.due_at(MANY + 1), None, "a pong is awaited");
    }

    #[test]
    fn many_unconfirmed_events_are_followed_by_a_ping() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(now, 256);
        assert_eq!(number(confirmation.request(1, now)), Some(1));
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        assert_eq!(number(confirmation.request(MANY, now)), None);
        assert_eq!(number(confirmation.request(1 + MANY, now)), Some(1 + MANY));
    }
}
