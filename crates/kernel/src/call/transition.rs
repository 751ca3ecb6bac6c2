//! How a call changes: the table of contract section 3, one function a row.
//!
//! A transition takes the call, who acts and the instant, and returns the whole effect as data: the new
//! call, the line of its timeline, the notices, the history entries. It does nothing by itself.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::user::{Profile, UserId};

use super::actor::{Actor, Cause, Principal, Source};
use super::effect::{Entry, Recipients, Transition, advance, effect, entry, entry_by, finish};
use super::error::{Action, CallError};
use super::notice::{Audience, Event, Invitation, MissedCall, Notice};
use super::state::{Call, CallId, CallType, ChannelId, RejectReason, State, Status};
/// A caller's wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The id that the call will have.
    pub id: CallId,
    /// Who calls, as the callee will see it.
    pub caller: Profile,
    /// Who is called.
    pub callee: UserId,
    /// Voice or video.
    pub call_type: CallType,
    /// Where the media will flow.
    pub channel: ChannelId,
}

/// Whether a device of the callee is there to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalleeAvailability {
    /// At least one session is connected.
    Connected,
    /// None is.
    Absent,
    /// None may be rung: the callee has blocked the caller.
    Blocked,
    /// None may be rung: the callee does not want to be disturbed.
    DoNotDisturb,
}

/// How long things may last (contract section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a call rings.
    pub ring_timeout: Duration,
    /// How long a call lasts after its answer, if limited.
    pub max_call_duration: Option<Duration>,
}

/// What a participant may set a call to (specification, "Update Call Status").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Accept it.
    Connecting,
    /// Say that media flows.
    Active,
    /// End it.
    Ended,
}

/// A new call: it rings if the callee can be reached. If the callee has blocked the caller or does not want to be
/// disturbed, it looks to the caller as if nobody were connected, until it is missed.
#[must_use]
pub fn initiate(
    wish: Wish,
    reach: CalleeAvailability,
    via: Source,
    limits: Limits,
    now: Timestamp,
) -> Transition {
    let ring_until = now.plus(limits.ring_timeout);
    let waiting = State::Initiating { ring_until };
    let (state, audience, cause) = match reach {
        CalleeAvailability::Connected => (
            State::Ringing { ring_until },
            Some(Audience::Participant(wish.callee.clone())),
            Cause::Initiate,
        ),
        CalleeAvailability::Absent => (waiting, None, Cause::Initiate),
        CalleeAvailability::Blocked => (waiting, None, Cause::CallerBlocked),
        CalleeAvailability::DoNotDisturb => (waiting, None, Cause::DoNotDisturb),
    };
    let actor = Actor::User(wish.caller.id.clone());
    let notices = audience
        .map(|audience| Notice {
            audience,
            event: Event::Invitation(Invitation {
                call: wish.id,
                channel: wish.channel.clone(),
                caller: wish.caller.clone(),
                call_type: wish.call_type,
            }),
            at: now,
        })
        .into_iter()
        .collect();
    let mut begun = begin(wish, state, entry_by(actor, via, cause), notices, now);
    begun.call.suppressed = reach == CalleeAvailability::Blocked;
    begun
}

/// A call refused because the callee is in another one: final from its first moment. The callee learns that it was
/// missed.
#[must_use]
pub fn refuse_as_busy(wish: Wish, via: Source, now: Timestamp) -> Transition {
    let state = State::Rejected {
        reason: RejectReason::Busy,
        ended_at: now,
    };
    let actor = Actor::User(wish.caller.id.clone());
    let missed = Notice {
        audience: Audience::Participant(wish.callee.clone()),
        event: Event::Missed(MissedCall {
            call: wish.id,
            caller: wish.caller.clone(),
            call_type: wish.call_type,
        }),
        at: now,
    };
    let entry = entry_by(actor, via, Cause::UserBusy);
    begin(wish, state, entry, vec![missed], now)
}

/// The callee's device connected while the call waited for one. The session that connects is invited by
/// the one who connects it.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call is INITIATING, and not suppressed.
pub fn ring(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, Source::Socket, Cause::CalleeConnected);
    begin_ringing(call, entry, now)
}

/// The callee is available again, and a session is connected. Its invitation is added by the one who knows the caller.
///
/// # Errors
/// As [`ring()`].
pub fn ring_on_availability(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let actor = Actor::User(call.callee.clone());
    let entry = entry_by(actor, Source::Rest, Cause::CalleeAvailable);
    begin_ringing(call, entry, now)
}

/// The callee's device, which a push has woken and which is not connected yet, says that it rings; none where
/// the call rings already.
///
/// # Errors
/// [`CallError::NotTheCallee`], or [`CallError::InvalidStatus`] unless the call is INITIATING or RINGING.
pub fn ring_by_callee(
    call: &Call,
    principal: &Principal,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    only_the_callee(call, principal)?;
    if call.status() == Status::Ringing {
        return Ok(None);
    }
    begin_ringing(call, entry(principal, Cause::CalleeRings), now).map(Some)
}

/// A webhook's receiver has woken the callee's device by a push.
///
/// # Errors
/// As [`ring()`].
pub fn ring_by_push(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, Source::Webhook, Cause::PushDelivered);
    begin_ringing(call, entry, now)
}

/// The callee takes the call.
///
/// # Errors
/// [`CallError::NotTheCallee`], or [`CallError::InvalidStatus`] unless the
/// call is INITIATING or RINGING.
pub fn accept(
    call: &Call,
    principal: &Principal,
    limits: Limits,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_the_callee(call, principal)?;
    only_unanswered(call, Action::Accept)?;
    let started_at = now.max(call.updated_at);
    let state = State::Connecting {
        started_at,
        max_duration_at: limits
            .max_call_duration
            .map(|longest| started_at.plus(longest)),
    };
    let event = Event::Accepted {
        call: call.id,
        accepted_by: principal.user.clone(),
    };
    let answer = advance(
        call,
        state,
        entry(principal, Cause::Accept),
        Some((Recipients::Others(principal), event)),
        now,
    );
    Ok(Transition {
        answered_with: Some(principal.session.clone()),
        ..answer
    })
}

/// The callee refuses the call.
///
/// # Errors
/// As [`accept`].
pub fn reject(
    call: &Call,
    principal: &Principal,
    reason: RejectReason,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_the_callee(call, principal)?;
    only_unanswered(call, Action::Reject)?;
    let state = State::Rejected {
        reason,
        ended_at: now.max(call.updated_at),
    };
    let event = Event::Rejected {
        call: call.id,
        rejected_by: principal.user.clone(),
        reason,
    };
    Ok(advance(
        call,
        state,
        entry(principal, Cause::Reject),
        Some((Recipients::Others(principal), event)),
        now,
    ))
}

/// A `duration_seconds` that no call lasts: it stands for whatever a client sends that is no duration.
pub const IMPOSSIBLE_DURATION: u32 = u32::MAX;

/// A participant hangs up, or gives up before an answer. `duration_seconds` is what the client measured. If it is
/// absent or impossible, the server counts from the answer.
///
/// # Errors
/// [`CallError::NotAParticipant`], or [`CallError::InvalidStatus`] where the call is final.
pub fn end(
    call: &Call,
    principal: &Principal,
    duration_seconds: Option<u32>,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_a_participant(call, principal)?;
    let ended_by = Actor::User(principal.user.clone());
    finish(
        call,
        ended_by,
        duration_seconds,
        entry(principal, Cause::End),
        Recipients::Others(principal),
        now,
    )
}

/// A participant sets the status; none where the call has it already.
///
/// # Errors
/// [`CallError::NotAParticipant`]; then as [`accept`] for CONNECTING and [`end`] for ENDED; for ACTIVE
/// [`CallError::InvalidStatus`] unless the call is CONNECTING or ACTIVE.
pub fn set_status(
    call: &Call,
    principal: &Principal,
    target: Target,
    limits: Limits,
    now: Timestamp,
) -> Result<Option<Transition>, CallError> {
    match target {
        Target::Connecting => {
            only_a_participant(call, principal)?;
            only_the_callee(call, principal)?;
            match call.state {
                State::Connecting { .. } => Ok(None),
                State::Initiating { .. }
                | State::Ringing { .. }
                | State::Active { .. }
                | State::Ended { .. }
                | State::Rejected { .. }
                | State::Missed { .. } => accept(call, principal, limits, now).map(Some),
            }
        }
        Target::Active => {
            only_a_participant(call, principal)?;
            match call.state {
                State::Active { .. } => Ok(None),
                State::Connecting {
                    started_at,
                    max_duration_at,
                } => {
                    let state = State::Active {
                        started_at,
                        max_duration_at,
                    };
                    Ok(Some(advance(
                        call,
                        state,
                        entry(principal, Cause::Activate),
                        None,
                        now,
                    )))
                }
                State::Initiating { .. }
                | State::Ringing { .. }
                | State::Ended { .. }
                | State::Rejected { .. }
                | State::Missed { .. } => {
                    Err(CallError::invalid_status(Action::Activate, call.status()))
                }
            }
        }
        Target::Ended => end(call, principal, None, now).map(Some),
    }
}

/// Nobody answered in time.
///
/// # Errors
/// [`CallError::InvalidStatus`] where the call was answered or is final.
pub fn ring_timeout(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    only_unanswered(call, Action::Miss)?;
    let state = State::Missed {
        ended_at: now.max(call.updated_at),
    };
    let event = Event::TimedOut { call: call.id };
    let entry = entry_by(Actor::System, Source::Server, Cause::RingTimeout);
    Ok(advance(
        call,
        state,
        entry,
        Some((Recipients::Both, event)),
        now,
    ))
}

/// The call reached its longest duration.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn duration_exceeded(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    only_answered(call)?;
    let entry = entry_by(Actor::System, Source::Server, Cause::MaxDuration);
    finish(call, Actor::System, None, entry, Recipients::Both, now)
}

/// A participant's last session has been gone for too long.
///
/// # Errors
/// [`CallError::InvalidStatus`] unless the call was answered and is live.
pub fn participant_lost(
    call: &Call,
    gone: &UserId,
    now: Timestamp,
) -> Result<Transition, CallError> {
    only_answered(call)?;
    let entry = entry_by(Actor::System, Source::Server, Cause::ParticipantGone);
    finish(
        call,
        Actor::User(gone.clone()),
        None,
        entry,
        Recipients::Only(call.other(gone)),
        now,
    )
}

/// The administrator ends the call.
///
/// # Errors
/// [`CallError::InvalidStatus`] where the call is final.
pub fn end_by_admin(call: &Call, now: Timestamp) -> Result<Transition, CallError> {
    let entry = entry_by(Actor::System, Source::Admin, Cause::End);
    finish(call, Actor::System, None, entry, Recipients::Both, now)
}

fn begin(
    wish: Wish,
    state: State,
    entry: Entry,
    notices: Vec<Notice>,
    now: Timestamp,
) -> Transition {
    let call = Call {
        id: wish.id,
        caller: wish.caller.id,
        callee: wish.callee,
        call_type: wish.call_type,
        channel: wish.channel,
        suppressed: false,
        created_at: now,
        updated_at: now,
        state,
    };
    effect(None, call, entry, notices)
}

/// A call that waited for a device of the callee rings. Nobody is notified: the callee was not connected.
fn begin_ringing(call: &Call, entry: Entry, now: Timestamp) -> Result<Transition, CallError> {
    let State::Initiating { ring_until } = call.state else {
        return Err(CallError::invalid_status(Action::Ring, call.status()));
    };
    if call.suppressed {
        return Err(CallError::invalid_status(Action::Ring, call.status()));
    }
    Ok(advance(
        call,
        State::Ringing { ring_until },
        entry,
        None,
        now,
    ))
}

fn only_a_participant(call: &Call, principal: &Principal) -> Result<(), CallError> {
    if call.has_participant(&principal.user) {
        Ok(())
    } else {
        Err(CallError::NotAParticipant)
    }
}

/// A stranger gets the same refusal as the caller (specification, Example 4).
fn only_the_callee(call: &Call, principal: &Principal) -> Result<(), CallError> {
    if call.is_for(&principal.user) {
        Ok(())
    } else {
        Err(CallError::NotTheCallee)
    }
}

fn only_unanswered(call: &Call, action: Action) -> Result<(), CallError> {
    match call.status() {
        Status::Initiating | Status::Ringing => Ok(()),
        Status::Connecting | Status::Active | Status::Ended | Status::Rejected | Status::Missed => {
            Err(CallError::invalid_status(action, call.status()))
        }
    }
}

fn only_answered(call: &Call) -> Result<(), CallError> {
    match call.status() {
        Status::Connecting | Status::Active => Ok(()),
        Status::Initiating
        | Status::Ringing
        | Status::Ended
        | Status::Rejected
        | Status::Missed => Err(CallError::invalid_status(Action::End, call.status())),
    }
}
