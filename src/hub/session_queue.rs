//! Bounded queue of a session's notices. Adding to it never blocks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::{CloseReason, EncodedNotice};
use crate::call::{CallId, Event};
use crate::clock::{Clock, Timestamp};
use crate::sync::{Mutex, Notify};
use crate::user::SessionId;

/// Maximum bytes of queued signals and events of the team's backend of a session, in addition to the limit on their
/// number: 32 of the longest. Call setup needs a tenth of it.
const WAITING_BYTES: usize = 1 << 20;

/// Queue of the notices that a session has to send. The writer's thread adds to it and never waits for a session.
pub struct SessionQueue {
    session: SessionId,
    capacity: usize,
    clock: Clock,
    connected_at: Timestamp,
    confirm_timeout: Duration,
    state: Mutex<Waiting>,
    filled: Notify,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a state of its own")]
struct Waiting {
    notices: VecDeque<Unconfirmed>,
    /// Notices that the session's loop has taken and the peer has not confirmed, the oldest first; at most as many as
    /// the queue may hold.
    taken: VecDeque<Taken>,
    /// Number of the last notice that was taken, from 1.
    last_taken: u64,
    /// Time at which something was last received from the peer.
    received_at: Timestamp,
    /// The last call to which the session was invited.
    invited_to: Option<CallId>,
    /// Bytes of the queued signals and events of the team's backend.
    bytes: usize,
    /// Number of queued transient notices.
    transient: usize,
    closing: Option<CloseReason>,
    /// Whether the session has to check its token again.
    recheck: bool,
    /// Whether the session has ended; nothing takes notices from the queue any more.
    abandoned: bool,
    /// Whether the other nodes know it as responsive.
    known_responsive: bool,
    /// Whether the first notices are still to come: no notice may overtake them.
    is_held: bool,
}

impl Waiting {
    fn note_invitation(&mut self, notice: &EncodedNotice) {
        if let Event::Invitation(invitation) = &notice.notice().event {
            self.invited_to = Some(invitation.call);
        }
    }
}

/// Notice that the peer has not confirmed.
struct Unconfirmed {
    notice: Arc<EncodedNotice>,
    since: Timestamp,
    /// Bytes that count against the limit.
    bytes: usize,
}

/// Notice that the session's loop has taken and the peer has not confirmed.
struct Taken {
    /// None for a signal: its delivery is not tracked, and it may be long.
    notice: Option<Arc<EncodedNotice>>,
    since: Timestamp,
}

/// Next action of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// Send this notice.
    Notice(Arc<EncodedNotice>),
    /// Check the session's token again: the keys may have changed.
    Recheck,
    /// Close.
    Close(CloseReason),
}

impl SessionQueue {
    pub(super) fn new(
        session: SessionId,
        capacity: usize,
        clock: Clock,
        confirm_timeout: Duration,
    ) -> Self {
        let connected_at = clock.now();
        let state = Mutex::new(Waiting {
            notices: VecDeque::new(),
            taken: VecDeque::new(),
            last_taken: 0,
            received_at: clock.steady(),
            invited_to: None,
            bytes: 0,
            transient: 0,
            closing: None,
            recheck: false,
            abandoned: false,
            known_responsive: true,
            is_held: false,
        });
        Self {
            session,
            capacity,
            clock,
            connected_at,
            confirm_timeout,
            state,
            filled: Notify::new(),
        }
    }

    /// Returns the id of the session.
    #[must_use]
    pub const fn session(&self) -> &SessionId {
        &self.session
    }

    /// Returns how many notices the queue remembers until they are confirmed.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Returns when the session connected.
    #[must_use]
    pub const fn connected_at(&self) -> Timestamp {
        self.connected_at
    }

    /// Adds a notice. A session whose queue is full is closed; it receives what it misses on reconnect. Transient
    /// notices that do not fit are dropped instead. Returns how many notices the session misses because of this one.
    pub fn push(&self, notice: Arc<EncodedNotice>) -> usize {
        let since = self.clock.steady();
        let mut state = self.state.lock();
        if state.closing.is_some() || state.abandoned {
            return 1;
        }
        let event = &notice.notice().event;
        let bytes = event.carried_bytes();
        let is_transient = event.is_transient();
        let fits = bytes == 0 || state.bytes + bytes <= WAITING_BYTES;
        let missed = if is_transient && (state.transient >= self.transient_capacity() || !fits) {
            // A participant who sends faster than the other one reads must not be able to close the other one's
            // session.
            1
        } else if state.notices.len() < self.capacity && fits {
            state.note_invitation(&notice);
            state.notices.push_back(Unconfirmed {
                notice,
                since,
                bytes,
            });
            state.bytes += bytes;
            state.transient += usize::from(is_transient);
            0
        } else {
            state.closing = Some(CloseReason::TooSlow);
            std::mem::take(&mut state.notices).len() + 1
        };
        drop(state);
        self.filled.notify_one();
        missed
    }

    /// Returns how many transient notices may be queued: half of the queue, so that one sender leaves space
    /// for the events of the call.
    const fn transient_capacity(&self) -> usize {
        self.capacity.div_ceil(2)
    }

    /// Removes all queued notices of a session that has ended. Returns how many notices it misses;
    /// [`SessionQueue::push`] counts those that a publisher adds later because it found the session in the hub just
    /// before.
    pub fn abandon(&self) -> usize {
        let mut state = self.state.lock();
        state.abandoned = true;
        std::mem::take(&mut state.notices).len()
    }

    /// Holds all notices back until [`SessionQueue::preload`] adds the first ones.
    pub fn hold(&self) {
        self.state.lock().is_held = true;
    }

    /// Whether `event` waits in the queue.
    #[must_use]
    pub fn contains(&self, event: &Event) -> bool {
        let state = self.state.lock();
        state
            .notices
            .iter()
            .any(|one| one.notice.notice().event == *event)
    }

    /// Adds the stored events to a session that connects, without a limit: there are few for each user. They come first:
    /// the session may have received current events already.
    pub fn preload(&self, notices: impl IntoIterator<Item = Arc<EncodedNotice>>) {
        let since = self.clock.steady();
        let mut state = self.state.lock();
        state.is_held = false;
        if state.closing.is_none() {
            let later = std::mem::take(&mut state.notices);
            for notice in notices {
                state.note_invitation(&notice);
                state.notices.push_back(Unconfirmed {
                    notice,
                    since,
                    bytes: 0,
                });
            }
            state.notices.extend(later);
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Records that any data was received from the peer. Returns whether the session was unresponsive until now.
    #[must_use]
    pub fn record_received(&self) -> bool {
        let now = self.clock.steady();
        let mut state = self.state.lock();
        let was_responsive = self.responds(&state, now);
        state.received_at = now;
        !was_responsive
    }

    /// Whether the session has got an invitation to `call` on this connection.
    #[must_use]
    pub fn is_invited_to(&self, call: CallId) -> bool {
        self.state.lock().invited_to == Some(call)
    }

    /// Returns the number of the last notice that was taken, which the next ping carries; 0 before the first.
    pub fn last_taken(&self) -> u64 {
        self.state.lock().last_taken
    }

    /// Records that the peer has received all notices up to number `last`. Returns those that were not confirmed
    /// before.
    pub fn confirm(&self, last: u64) -> Vec<Arc<EncodedNotice>> {
        let mut state = self.state.lock();
        let later = usize::try_from(state.last_taken.saturating_sub(last)).unwrap_or(usize::MAX);
        let confirmed = state.taken.len().saturating_sub(later);
        let confirmed = state.taken.drain(..confirmed);
        confirmed.filter_map(|one| one.notice).collect()
    }

    /// Whether the peer confirms what it is sent, or has sent data since: no notice has been unconfirmed for longer
    /// than `confirm_timeout`.
    #[must_use]
    pub fn is_responsive(&self) -> bool {
        self.responds(&self.state.lock(), self.clock.steady())
    }

    /// Returns whether it is responsive, if the other nodes know otherwise.
    #[must_use]
    pub fn responsiveness_change(&self) -> Option<bool> {
        let now = self.clock.steady();
        let state = self.state.lock();
        let is_responsive = self.responds(&state, now);
        (state.known_responsive != is_responsive).then_some(is_responsive)
    }

    /// Records what the other nodes know: whether it is responsive.
    pub fn set_known_responsive(&self, is_responsive: bool) {
        self.state.lock().known_responsive = is_responsive;
    }

    fn responds(&self, state: &Waiting, now: Timestamp) -> bool {
        let taken = state.taken.front().map(|oldest| oldest.since);
        let oldest = taken.or_else(|| state.notices.front().map(|oldest| oldest.since));
        oldest.is_none_or(|since| {
            let waiting_since = since.max(state.received_at);
            now.since(waiting_since) < self.confirm_timeout
        })
    }

    /// Closes the session before any queued notice; the first reason counts.
    pub fn close(&self, closing: CloseReason) {
        self.state.lock().closing.get_or_insert(closing);
        self.filled.notify_one();
    }

    /// Makes the session check its token again before any queued notice.
    pub fn recheck(&self) {
        self.state.lock().recheck = true;
        self.filled.notify_one();
    }

    /// Waits for the next action. Only the session's own loop may call it; it is cancel-safe.
    pub async fn next(&self) -> Outgoing {
        loop {
            let outgoing = self.state.lock().take(self.capacity);
            if let Some(outgoing) = outgoing {
                if let Outgoing::Notice(notice) = &outgoing
                    && notice.notice().event.is_tracked()
                {
                    notice.record_sent(&self.session, self.clock.now());
                }
                return outgoing;
            }
            self.filled.notified().await;
        }
    }

    /// Waits until the session has to close, whatever else is queued.
    pub async fn closed(&self) -> CloseReason {
        loop {
            if let Some(closing) = self.state.lock().closing {
                return closing;
            }
            self.filled.notified().await;
        }
    }

    /// Whether it still accepts notices.
    pub(super) fn is_open(&self) -> bool {
        self.state.lock().closing.is_none()
    }
}

impl Waiting {
    fn take(&mut self, capacity: usize) -> Option<Outgoing> {
        if let Some(closing) = self.closing {
            return Some(Outgoing::Close(closing));
        }
        if std::mem::take(&mut self.recheck) {
            return Some(Outgoing::Recheck);
        }
        if self.is_held {
            return None;
        }
        let Unconfirmed {
            notice,
            since,
            bytes,
        } = self.notices.pop_front()?;
        let event = &notice.notice().event;
        self.bytes -= bytes;
        self.transient -= usize::from(event.is_transient());
        self.last_taken += 1;
        // A peer that confirms nothing uses no more memory than one that reads nothing.
        if self.taken.len() >= capacity {
            self.taken.pop_front();
        }
        let kept = event.is_tracked().then(|| Arc::clone(&notice));
        self.taken.push_back(Taken {
            notice: kept,
            since,
        });
        Some(Outgoing::Notice(notice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, Event, MAX_SIGNAL_BYTES, Notice, Signal, SignalEvent};
    use crate::clock::ManualClock;
    use crate::hub::notice::tests::notice;
    use crate::user::UserId;

    fn queue(capacity: usize) -> SessionQueue {
        timed(capacity, Clock::System)
    }

    fn timed(capacity: usize, clock: Clock) -> SessionQueue {
        let confirm_timeout = Duration::from_secs(5);
        SessionQueue::new(SessionId::new("1"), capacity, clock, confirm_timeout)
    }

    #[tokio::test]
    async fn unconfirmed_notice_makes_the_session_unresponsive() {
        let hand = ManualClock::starting_at(Timestamp::from_millis(0));
        let bob = timed(8, Clock::Manual(hand.clone()));
        let second = Duration::from_secs(1);
        bob.push(notice(1));
        bob.next().await;
        hand.advance(4 * second);
        bob.push(notice(2));
        bob.next().await;
        assert!(bob.is_responsive());
        hand.advance(second);
        assert!(!bob.is_responsive());
        for _ in 0..2 {
            let change = bob.responsiveness_change();
            assert_eq!(change, Some(false), "until other nodes know");
        }
        bob.set_known_responsive(false);
        assert_eq!(bob.responsiveness_change(), None);
        assert!(bob.record_received(), "it was unresponsive");
        assert!(bob.is_responsive(), "something was received");
        assert_eq!(bob.responsiveness_change(), Some(true));
        assert!(!bob.record_received());
        hand.advance(5 * second);
        assert!(!bob.is_responsive());
        assert_eq!(bob.confirm(1), [notice(1)]);
        assert_eq!(bob.confirm(1), []);
        assert_eq!(bob.confirm(bob.last_taken()), [notice(2)]);
        assert!(bob.is_responsive());
    }

    #[tokio::test]
    async fn peer_that_confirms_nothing_costs_bounded_memory() {
        let bob = queue(2);
        for at in 1..=5 {
            bob.push(notice(at));
            bob.next().await;
        }
        assert_eq!(bob.confirm(5), [notice(4), notice(5)]);
    }

    #[tokio::test]
    async fn notices_come_out_in_their_order() {
        let bob = queue(2);
        bob.push(notice(1));
        bob.push(notice(2));
        assert_eq!(bob.next().await, Outgoing::Notice(notice(1)));
        assert_eq!(bob.next().await, Outgoing::Notice(notice(2)));
    }

    #[tokio::test]
    async fn kept_events_precede_new_events_in_the_queue() {
        let bob = queue(2);
        bob.push(notice(3));
        bob.preload([1, 2].map(notice));
        for at in 1..=3 {
            assert_eq!(bob.next().await, Outgoing::Notice(notice(at)));
        }
    }

    #[tokio::test]
    async fn too_many_queued_signal_bytes_close_the_session() {
        let bob = queue(1000);
        let signal = Signal::of_json(&"1".repeat(MAX_SIGNAL_BYTES)).expect("short enough");
        let notice = Arc::new(EncodedNotice::new(Notice {
            event: Event::Signal(SignalEvent {
                call: CallId::from_uuid(uuid::Uuid::nil()),
                from: UserId::parse("alice").expect("a user id"),
                signal,
            }),
            ..notice(1).notice().clone()
        }));
        let most = WAITING_BYTES / MAX_SIGNAL_BYTES;
        for _ in 0..3 * most {
            assert_eq!(bob.push(Arc::clone(&notice)), 0);
            // A reader frees space in the queue.
            bob.next().await;
        }
        for _ in 0..most {
            assert_eq!(bob.push(Arc::clone(&notice)), 0);
        }
        assert_eq!(bob.push(Arc::clone(&notice)), 1);
        for _ in 0..most {
            assert_eq!(bob.next().await, Outgoing::Notice(Arc::clone(&notice)));
        }
        assert_eq!(bob.push(notice), 0, "there is room again");
    }

    #[tokio::test]
    async fn the_first_reason_to_close_a_session_stands() {
        let bob = queue(2);
        bob.close(CloseReason::UserDisabled);
        bob.close(CloseReason::Stopping);
        assert_eq!(bob.next().await, Outgoing::Close(CloseReason::UserDisabled));
    }

    #[test]
    fn what_an_ended_session_leaves_behind_is_counted() {
        let bob = queue(2);
        assert_eq!(bob.push(notice(1)), 0);
        assert_eq!(bob.abandon(), 1);
        assert_eq!(bob.abandon(), 0);
        assert_eq!(bob.push(notice(2)), 1);
        assert_eq!(bob.abandon(), 0);
    }
}
