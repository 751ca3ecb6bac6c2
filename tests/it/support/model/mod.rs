//! Model of a call's life: the table of contract section 3, written without the kernel's transitions, and the events
//! that each session must get. Random tests compare the server with it after every step.

mod call;
mod delivery;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chattrix::call::notice::{Invitation, MissedCall};
use chattrix::call::{Actor, CallId, CallType, ChannelId, Event, Status};
use chattrix::clock::Timestamp;
use chattrix::user::{Profile, SessionId, UserId};

pub use call::ModelCall;

use delivery::Delivery;

use Status::{Active, Connecting, Ended, Initiating, Missed, Rejected, Ringing};

/// Action of a user on a call. A rejection has the reason `declined`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Accept,
    Reject,
    End,
    /// PATCH to CONNECTING.
    Connect,
    /// PATCH to ACTIVE.
    Activate,
}

impl Action {
    pub const ALL: [Self; 5] = [
        Self::Accept,
        Self::Reject,
        Self::End,
        Self::Connect,
        Self::Activate,
    ];

    const fn is_for_the_callee(self) -> bool {
        matches!(self, Self::Accept | Self::Reject | Self::Connect)
    }
}

/// Returns the status that `action` gives a call in `status`; `None` for `invalid_status`.
pub const fn next_status(status: Status, action: Action) -> Option<Status> {
    match (action, status) {
        (Action::Accept | Action::Connect, Initiating | Ringing)
        | (Action::Connect, Connecting) => Some(Connecting),
        (Action::Reject, Initiating | Ringing) => Some(Rejected),
        (Action::End, Initiating | Ringing | Connecting | Active) => Some(Ended),
        (Action::Activate, Connecting | Active) => Some(Active),
        _ => None,
    }
}

/// Answer to a request to call somebody.
#[derive(Debug, PartialEq, Eq)]
pub enum Initiation {
    Made,
    OwnNumber,
    CallerBusy(CallId),
    UserBusy,
}

/// Durations of the server under test.
#[derive(Clone, Copy)]
pub struct Durations {
    pub ring: Duration,
    pub longest: Option<Duration>,
    pub grace: Option<Duration>,
}

/// Event and its instant.
pub type Dated = (Event, Timestamp);

/// Users, sessions and calls as they must be.
pub struct Model {
    pub users: Vec<Profile>,
    durations: Durations,
    calls: BTreeMap<CallId, ModelCall>,
    delivery: Delivery,
    /// Instants at which participants of a live call lost their last session.
    gone: HashMap<UserId, Timestamp>,
}

impl Model {
    pub fn new(users: Vec<Profile>, durations: Durations) -> Self {
        Self {
            users,
            durations,
            calls: BTreeMap::new(),
            delivery: Delivery::default(),
            gone: HashMap::new(),
        }
    }

    pub fn calls(&self) -> impl DoubleEndedIterator<Item = &ModelCall> {
        self.calls.values()
    }

    pub fn call(&self, id: CallId) -> &ModelCall {
        &self.calls[&id]
    }

    pub fn live_call(&self, user: &UserId) -> Option<&ModelCall> {
        self.calls
            .values()
            .find(|call| call.status.is_live() && call.participants().contains(user))
    }

    /// Returns the open sessions of `user`, responsive or not.
    pub fn sessions(&self, user: &UserId) -> Vec<SessionId> {
        self.delivery.sessions(user)
    }

    /// Returns how many sessions of `user` count as connected.
    pub fn connected_sessions(&self, user: &UserId, now: Timestamp) -> usize {
        self.delivery.responsive(user, now)
    }

    /// Returns the events that `session` must have got since the last time.
    pub fn take_expected(&mut self, session: &SessionId) -> Vec<Dated> {
        self.delivery.take_expected(session)
    }

    /// `session` confirms all that it was sent. If it was unresponsive, it counts as connected again, and is invited to
    /// the call that waits or rings for its user.
    pub fn confirm(&mut self, session: &SessionId, now: Timestamp) {
        let Some((user, invited_to)) = self.delivery.confirm(session, now) else {
            return;
        };
        let live = self.live_call(&user).map(|call| call.id);
        if live != invited_to
            && let Some(invitation) = self.ring(&user, now)
        {
            self.delivery.invite_session(session, invitation, now);
        }
    }

    pub fn connect(&mut self, user: &UserId, id: SessionId, now: Timestamp) {
        self.gone.remove(user);
        let ringing = self.ring(user, now);
        self.delivery.connect(user, id, ringing, now);
    }

    /// The call that waits for `user` rings. Returns the invitation to the ringing call.
    fn ring(&mut self, user: &UserId, now: Timestamp) -> Option<Dated> {
        let is_invited = |call: &&ModelCall| {
            call.callee == *user && call.is_unanswered() && self.overdue(call, now).is_none()
        };
        let live = self.live_call(user).filter(is_invited).map(|call| call.id);
        let call = live.and_then(|id| self.calls.get_mut(&id))?;
        if call.status == Initiating {
            (call.status, call.updated_at) = (Ringing, now);
        }
        Some((invitation(call, &self.users), call.created_at))
    }

    pub fn disconnect(&mut self, id: &SessionId, now: Timestamp) {
        let user = self.delivery.disconnect(id, now);
        self.is_gone(user, now);
    }

    /// The server stops and starts again, in order or by a crash.
    pub fn restart(&mut self, is_crash: bool, now: Timestamp) {
        let users = self.users.iter().map(|user| user.id.clone());
        let present: Vec<UserId> = users
            .filter(|user| !self.sessions(user).is_empty())
            .collect();
        self.delivery.restart(is_crash, now);
        for user in present {
            self.is_gone(user, now);
        }
    }

    fn is_gone(&mut self, user: UserId, now: Timestamp) {
        if self.sessions(&user).is_empty() && self.live_call(&user).is_some() {
            self.gone.insert(user, now);
        }
    }

    /// Returns the answer that `caller` must get who calls `callee`.
    pub fn may_call(&self, caller: &UserId, callee: &UserId, blocked: bool) -> Initiation {
        if caller == callee {
            Initiation::OwnNumber
        } else if let Some(call) = self.live_call(caller) {
            Initiation::CallerBusy(call.id)
        } else if !blocked && self.live_call(callee).is_some() {
            Initiation::UserBusy
        } else {
            Initiation::Made
        }
    }

    /// Adds the call `id`, which [`Model::may_call`] allows or refuses as busy.
    pub fn initiate(
        &mut self,
        id: CallId,
        [caller, callee]: [&UserId; 2],
        call_type: CallType,
        blocked: bool,
        now: Timestamp,
    ) {
        let busy = self.may_call(caller, callee, blocked) == Initiation::UserBusy;
        let reached = !blocked && self.connected_sessions(callee, now) > 0;
        let call = ModelCall {
            id,
            caller: caller.clone(),
            callee: callee.clone(),
            call_type,
            channel: channel(),
            suppressed: blocked,
            status: match (busy, reached) {
                (true, _) => Rejected,
                (false, true) => Ringing,
                (false, false) => Initiating,
            },
            created_at: now,
            updated_at: now,
            started_at: None,
            seconds: None,
            ended_by: None,
            busy,
        };
        if !busy {
            for user in call.participants() {
                self.gone.remove(&user);
            }
        }
        if call.status == Ringing {
            let event = invitation(&call, &self.users);
            self.delivery.invite(callee, &(event, now), now);
        }
        self.calls.insert(id, call);
    }

    /// Refuses a call to a callee who is in another one: the callee gets `call_missed`, with [`CallId::LAST`] in place
    /// of an id that the caller does not learn.
    pub fn refuse_as_busy(
        &mut self,
        [caller, callee]: [&UserId; 2],
        call_type: CallType,
        now: Timestamp,
    ) {
        let caller = self.users.iter().find(|user| user.id == *caller);
        let missed = Event::Missed(MissedCall {
            call: CallId::LAST,
            caller: caller.expect("a user of the model").clone(),
            call_type,
        });
        self.delivery.notify(callee, &(missed, now), now);
    }

    /// Carries out `action` of `user` through `session`: whether it changed the call, or the `errorType`.
    pub fn act(
        &mut self,
        id: CallId,
        (user, session): (&UserId, &SessionId),
        action: Action,
        now: Timestamp,
    ) -> Result<bool, &'static str> {
        let call = self.calls.get_mut(&id).expect("a call of the model");
        let is_participant = call.participants().contains(user);
        if !is_participant || (action.is_for_the_callee() && *user != call.callee) {
            return Err("unauthorized");
        }
        let next = next_status(call.status, action).ok_or("invalid_status")?;
        if next == call.status {
            return Ok(false);
        }
        call.updated_at = now;
        if next == Connecting {
            call.started_at = Some(now);
            for user in call.participants() {
                self.gone.entry(user).and_modify(|gone_at| *gone_at = now);
            }
        }
        if next == Ended {
            call.finish(Actor::User(user.clone()), now);
        }
        call.status = next;
        let event = call.event(user).map(|event| (event, now));
        let others = call.participants();
        if let Some(event) = &event {
            for other in others.iter().filter(|one| *one != user) {
                self.delivery.notify(other, event, now);
            }
            self.delivery.notify_others(user, session, event, now);
        }
        Ok(true)
    }

    /// Ends the calls whose time is over at `now`: missed, too long, or left by a participant. Returns their ids.
    pub fn end_overdue(&mut self, now: Timestamp) -> Vec<CallId> {
        let due: Vec<(CallId, Actor)> = self
            .calls
            .values()
            .filter(|call| call.status.is_live())
            .filter_map(|call| self.overdue(call, now).map(|by| (call.id, by)))
            .collect();
        for (id, by) in &due {
            let call = self.calls.get_mut(id).expect("a call of the model");
            call.updated_at = now;
            if call.is_unanswered() {
                call.status = Missed;
            } else {
                call.finish(by.clone(), now);
            }
            let event = (call.final_event(), now);
            let told = call.participants();
            for user in told.iter().filter(|one| *by != Actor::User((*one).clone())) {
                self.delivery.notify(user, &event, now);
            }
        }
        due.into_iter().map(|(id, _)| id).collect()
    }

    /// Returns who ends `call` at `now` without an action: the system, or the participant who left first.
    fn overdue(&self, call: &ModelCall, now: Timestamp) -> Option<Actor> {
        let is_over = match call.started_at {
            None => call.created_at.plus(self.durations.ring) <= now,
            Some(start) => {
                let longest = self.durations.longest;
                longest.is_some_and(|longest| start.plus(longest) <= now)
            }
        };
        if is_over {
            return Some(Actor::System);
        }
        let grace = self.durations.grace.filter(|_| call.started_at.is_some())?;
        let place = |user: &UserId| self.users.iter().position(|one| one.id == *user);
        let left = call.participants().into_iter().filter_map(|user| {
            let at = *self.gone.get(&user)?;
            (at.plus(grace) <= now).then(|| (at, place(&user), user))
        });
        left.min().map(|(_, _, user)| Actor::User(user))
    }
}

/// Channel of every call of the random tests.
pub fn channel() -> ChannelId {
    ChannelId::parse("agora-channel-1").expect("a channel")
}

fn invitation(call: &ModelCall, users: &[Profile]) -> Event {
    let caller = users.iter().find(|user| user.id == call.caller);
    Event::Invitation(Invitation {
        call: call.id,
        channel: call.channel.clone(),
        caller: caller.expect("a user of the model").clone(),
        call_type: call.call_type,
    })
}
