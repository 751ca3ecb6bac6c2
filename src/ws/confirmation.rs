//! Pings that ask a peer to confirm its events (contract section 4, "Delivery is confirmed").

use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

/// Shortest time between two of these pings, unless [`MANY`] events wait. Candidates of WebRTC and the events of calls
/// that follow each other closely come in bursts; a pong for each costs the server a read and a wake-up.
const INTERVAL: Duration = Duration::from_millis(50);

/// Time after a ping at which the next one is sent without an event. Until then it goes with an event, in one packet.
const LATEST: Duration = Duration::from_millis(100);

/// Events that wait for confirmation at most before the next ping; fewer if the queue remembers fewer.
const MANY: u64 = 16;

/// Confirmation state of a connection: the ping whose pong is awaited, one at a time, and when the next may follow.
pub(super) struct Confirmation {
    /// Number of the last event before the ping whose pong is awaited.
    awaited: Option<u64>,
    /// Number of the last event before any ping.
    covered: u64,
    /// When the last ping was sent.
    asked_at: Option<Instant>,
    many: u64,
}

impl Confirmation {
    /// Returns the state of a connection whose queue remembers `capacity` events.
    pub fn new(capacity: usize) -> Self {
        let half = u64::try_from(capacity / 2).unwrap_or(MANY);
        Self {
            awaited: None,
            covered: 0,
            asked_at: None,
            many: half.clamp(1, MANY),
        }
    }

    /// Returns the ping to send with the event number `last`. Its pong confirms that the peer has received all events
    /// before it (RFC 6455, section 5.5.3, and the order of frames). None if a pong is awaited, or if the last ping was
    /// sent a moment ago.
    pub fn with_event(&mut self, last: u64, now: Instant) -> Option<Message> {
        let has_time = last - self.covered < self.many;
        let early = |asked_at| has_time && now < asked_at + INTERVAL;
        if self.awaited.is_some() || self.asked_at.is_some_and(early) {
            return None;
        }
        Some(self.ask(last, now))
    }

    /// Returns the ping to send without an event, after the event number `last`, if one is due.
    pub fn if_due(&mut self, last: u64, now: Instant) -> Option<Message> {
        let is_due = self.due_at(last).is_some_and(|due_at| now >= due_at);
        is_due.then(|| self.ask(last, now))
    }

    /// Returns when a ping is due after the event number `last`, if one is.
    pub fn due_at(&self, last: u64) -> Option<Instant> {
        let asked_at = self.asked_at.filter(|_| last > self.covered)?;
        self.awaited.is_none().then(|| asked_at + LATEST)
    }

    /// Returns the ping that keeps the connection open after the event number `last`. If a pong is awaited, it asks again:
    /// a peer may answer the newest ping alone (RFC 6455, section 5.5.3).
    pub fn keep_alive(&mut self, last: u64, now: Instant) -> Message {
        if self.awaited.is_some() {
            self.ask(last, now)
        } else {
            Message::Ping(Bytes::new())
        }
    }

    fn ask(&mut self, last: u64, now: Instant) -> Message {
        self.awaited = Some(last);
        self.covered = last;
        self.asked_at = Some(now);
        Message::Ping(Bytes::copy_from_slice(&last.to_be_bytes()))
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
        let mut confirmation = Confirmation::new(256);
        assert_eq!(number(confirmation.if_due(0, now)), None, "no event");
        assert_eq!(number(confirmation.with_event(1, now)), Some(1));
        let later = now + INTERVAL;
        let second = number(confirmation.with_event(2, later));
        assert_eq!(second, None, "one at a time");
        assert_eq!(pong(&mut confirmation, 2), None, "another number");
        assert_eq!(confirmation.take(b"keep-alive"), None);
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        assert_eq!(pong(&mut confirmation, 1), None, "it was taken");
        assert_eq!(number(confirmation.with_event(3, later)), Some(3));
    }

    #[test]
    fn keep_alive_asks_again_for_an_awaited_pong() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(256);
        assert_eq!(confirmation.keep_alive(0, now), Message::Ping(Bytes::new()));
        assert_eq!(number(confirmation.with_event(1, now)), Some(1));
        let ping = confirmation.keep_alive(3, now + LATEST);
        assert_eq!(number(Some(ping)), Some(3));
        assert_eq!(pong(&mut confirmation, 3), Some(3));
        assert_eq!(confirmation.keep_alive(3, now), Message::Ping(Bytes::new()));
    }

    #[test]
    fn one_ping_covers_the_events_of_a_burst() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(256);
        assert_eq!(number(confirmation.with_event(1, now)), Some(1));
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        assert_eq!(confirmation.due_at(1), None, "all are confirmed");
        for last in 2..=MANY {
            assert_eq!(number(confirmation.with_event(last, now)), None);
        }
        let due = now + LATEST;
        assert_eq!(confirmation.due_at(MANY), Some(due));
        assert_eq!(number(confirmation.if_due(MANY, now + INTERVAL)), None);
        assert_eq!(number(confirmation.if_due(MANY, due)), Some(MANY));
        assert_eq!(confirmation.due_at(MANY + 1), None, "a pong is awaited");
    }

    #[test]
    fn many_unconfirmed_events_are_followed_by_a_ping() {
        let now = Instant::now();
        let mut confirmation = Confirmation::new(256);
        assert_eq!(number(confirmation.with_event(1, now)), Some(1));
        assert_eq!(pong(&mut confirmation, 1), Some(1));
        assert_eq!(number(confirmation.with_event(MANY, now)), None);
        let last = 1 + MANY;
        assert_eq!(number(confirmation.with_event(last, now)), Some(last));
    }
}
