//! Use cases of calls.

use std::sync::Arc;

use uuid::Uuid;

use crate::call::transition::{self, CallRequest, CalleeAvailability, Target};
use crate::call::{
    Call, CallError, CallId, CallType, ChannelId, Principal, RejectReason, Source, Transition,
};
use crate::call::{media, policy};
use crate::clock::Timestamp;
use crate::settings::Rate;
use crate::store::{CallParty, Read, Remembered, Write};
use crate::user::{AccountStatus, User, UserId};

use super::{Core, Error, KEY_REMEMBERED_FOR};

/// Request for a new call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCall {
    /// The callee.
    pub callee: UserId,
    /// Voice or video.
    pub call_type: CallType,
    /// The media channel.
    pub channel: ChannelId,
    /// Idempotency key: the client's id of this request, 1–64 visible ASCII characters, by which a retry is recognised.
    pub idempotency_key: Option<String>,
}

/// Result of a request for a new call; both kinds are stored.
pub(super) enum Initiated {
    Made(Call),
    RefusedAsBusy(UserId),
}

/// Use cases of calls: initiate, answer, end, look up, and relay signals between the participants.
pub struct Calls(pub(super) Arc<Core>);

impl Calls {
    /// Initiates a call.
    ///
    /// # Errors
    /// [`Error::OwnNumber`], [`Error::UserNotFound`], [`Error::Refused`] by the call policy, [`Error::CallerBusy`],
    /// [`Error::UserBusy`], [`Error::KeyReused`], [`Error::Unavailable`].
    pub async fn initiate(&self, principal: Principal, new: NewCall) -> Result<Call, Error> {
        if new.callee == principal.user {
            return Err(Error::OwnNumber);
        }
        let core = Arc::clone(&self.0);
        let (caller, callee) = (principal.user.clone(), new.callee.clone());
        let key = new.idempotency_key.clone();
        let reader = Arc::clone(&self.0);
        let foresee = move |db: &Read<'_>| {
            db.parties(&caller, &callee, key.as_deref(), Timestamp::from_millis(0))?;
            if reader.shared_initiate_rate().is_some() {
                db.paced_until(&caller)?;
            }
            Ok(vec![caller.clone(), callee.clone()])
        };
        let job = move |db: &Write<'_>| core.initiate_counted(db, &principal, new);
        let initiated = self.0.store.write_foreseen(foresee, job).await?;
        match initiated? {
            Initiated::Made(call) => Ok(call),
            Initiated::RefusedAsBusy(callee) => Err(Error::UserBusy(callee)),
        }
    }

    /// Accepts a call for the callee.
    ///
    /// # Errors
    /// [`Error::CallNotFound`], [`Error::Refused`], [`Error::Unavailable`].
    pub async fn accept(&self, principal: Principal, call: CallId) -> Result<Call, Error> {
        let limits = self.0.rules.get().limits;
        self.change(call, move |call, now| {
            transition::accept(call, &principal, limits, now).map(Some)
        })
        .await
    }

    /// Records that the call rings on the callee's device before that device is connected. If the call rings already,
    /// nothing changes.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub async fn ringing(&self, principal: Principal, call: CallId) -> Result<Call, Error> {
        self.change(call, move |call, now| {
            transition::ring_by_callee(call, &principal, now)
        })
        .await
    }

    /// Rejects a call for the callee.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub async fn reject(
        &self,
        principal: Principal,
        call: CallId,
        reason: RejectReason,
    ) -> Result<Call, Error> {
        self.change(call, move |call, now| {
            transition::reject(call, &principal, reason, now).map(Some)
        })
        .await
    }

    /// Ends a call for a participant. `duration_seconds` is the duration that the client measured, if it did.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub async fn end(
        &self,
        principal: Principal,
        call: CallId,
        duration_seconds: Option<u32>,
    ) -> Result<Call, Error> {
        let user = principal.user.clone();
        let call = self
            .change(call, move |call, now| {
                transition::end(call, &principal, duration_seconds, now).map(Some)
            })
            .await?;
        let stored = call.state.duration_seconds();
        if call.state.started_at().is_some()
            && duration_seconds.is_some()
            && duration_seconds != stored
        {
            let sent = duration_seconds.filter(|sent| *sent != transition::IMPOSSIBLE_DURATION);
            tracing::warn!(
                call = %call.id, %user, sent, stored,
                "impossible call duration replaced by the server's count"
            );
        }
        Ok(call)
    }

    /// Ends a call for the administrator.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub async fn end_as_admin(&self, call: CallId) -> Result<Call, Error> {
        self.change(call, |call, now| {
            transition::end_by_admin(call, Source::Admin, now).map(Some)
        })
        .await
    }

    /// Sets a call's status for a participant; setting the current status changes nothing.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub async fn set_status(
        &self,
        principal: Principal,
        call: CallId,
        target: Target,
    ) -> Result<Call, Error> {
        let limits = self.0.rules.get().limits;
        self.change(call, move |call, now| {
            transition::set_status(call, &principal, target, limits, now)
        })
        .await
    }

    /// Returns the call of that id to a participant.
    ///
    /// # Errors
    /// As [`Calls::accept`].
    pub fn get(&self, user: &UserId, call: CallId) -> Result<Call, Error> {
        self.0.call_of(user, call)
    }

    /// Returns the user's live call, if there is one.
    pub fn active(&self, user: &UserId) -> Result<Option<Call>, Error> {
        Ok(self.0.store.read(|db| db.live_call(user))?)
    }

    /// Checks whether the user may join `channel`: it is the channel of the user's live call, and of no other live call
    /// that was answered earlier.
    ///
    /// # Errors
    /// [`Error::Refused`], [`Error::Unavailable`].
    pub fn can_join_channel(&self, user: &UserId, channel: &ChannelId) -> Result<(), Error> {
        let live = self.active(user)?;
        let claimed_at = live
            .as_ref()
            .and_then(|call| self.0.channels.claimed_at(channel, call.id));
        Ok(media::check(live.as_ref(), channel, claimed_at)?)
    }

    /// Applies the transition that `decide` returns, if any.
    pub(super) async fn change(
        &self,
        call: CallId,
        decide: impl FnOnce(&Call, Timestamp) -> Result<Option<Transition>, CallError> + Send + 'static,
    ) -> Result<Call, Error> {
        let core = Arc::clone(&self.0);
        let job = move |db: &Write<'_>| -> Result<Call, Error> {
            let call = db.call(call)?.ok_or(Error::CallNotFound)?;
            let Some(mut transition) = decide(&call, core.clock.now())? else {
                return Ok(call);
            };
            core.name_acting_session(&mut transition);
            core.apply(db, &transition)?;
            Ok(transition.call)
        };
        let foresee = move |db: &Read<'_>| {
            let call = db.call(call)?;
            let participants = call.iter().flat_map(Call::participants);
            Ok(participants.cloned().collect())
        };
        self.0.store.write_foreseen(foresee, job).await
    }
}

impl Core {
    /// Returns the call of that id to a participant.
    pub(super) fn call_of(&self, user: &UserId, call: CallId) -> Result<Call, Error> {
        let call = self.store.read(|db| db.call(call))?;
        let call = call.ok_or(Error::CallNotFound)?;
        if call.has_participant(user) {
            Ok(call)
        } else {
            Err(CallError::NotAParticipant.into())
        }
    }

    pub(super) fn initiate(
        self: &Arc<Self>,
        db: &Write<'_>,
        principal: &Principal,
        new: NewCall,
    ) -> Result<Initiated, Error> {
        let now = self.clock.now();
        let key = new.idempotency_key.clone();
        let parties = db
            .parties(&principal.user, &new.callee, key.as_deref(), now)?
            .ok_or_else(|| Error::UserNotFound(principal.user.clone()))?;
        if let Some(before) = parties.remembered
            // A deleted call takes its key with it.
            && let Some(call) = db.call(before.call)?
        {
            return repeated(call, before.refused, &new);
        }
        // A node may not know yet that another one has disabled the caller.
        let caller = callable(Some(parties.caller), &principal.user)?;
        let callee = callable(parties.callee, &new.callee)?;
        let reached = policy::Callee {
            connected: self.hub.is_connected(&new.callee),
            do_not_disturb: callee.availability.at(now).is_do_not_disturb(),
        };
        let reach = policy::reach(self.rules.get().call_policy, parties.relation, reached)?;
        if let Some(busy_with) = caller.live_call {
            return Err(caller_busy(db, busy_with, now)?);
        }
        let request = request(self.random.uuid_v7(now), caller.user.clone(), new);
        // A blocked caller must not learn what the callee is doing.
        let refused = callee.live_call.is_some() && reach != CalleeAvailability::Blocked;
        let call = request.id;
        let transition = if refused {
            transition::refuse_as_busy(request, principal.via, now)
        } else {
            transition::initiate(request, reach, principal.via, self.rules.get().limits, now)
        };
        db.insert_call(&transition, [&caller, &callee])?;
        if !refused {
            let has_session = |user| self.hub.has_session(user);
            let attended = has_session(&transition.call.callee);
            db.engage(
                call,
                &principal.session,
                (&caller, has_session(&principal.user)),
                (!transition.call.suppressed).then_some((&callee, attended)),
            )?;
        }
        if let Some(key) = key {
            let expires_at = now.plus(KEY_REMEMBERED_FOR);
            db.remember(
                &principal.user,
                &key,
                Remembered { call, refused },
                expires_at,
            )?;
        }
        self.record_effects(db, &transition, None)?;
        let call = transition.call;
        Ok(if refused {
            Initiated::RefusedAsBusy(call.callee)
        } else {
            Initiated::Made(call)
        })
    }
}

impl Core {
    /// Returns the rate of a user's calls that is counted with the other nodes; none if there are none, or no rate.
    fn shared_initiate_rate(&self) -> Option<Rate> {
        let rate = self.rules.get().initiate_rate;
        rate.filter(|_| self.store.has_other_nodes())
    }

    /// Initiates a call that counts on all nodes together, also if it is refused: the inner error is committed with its
    /// count. Each node by itself has counted the request already.
    fn initiate_counted(
        self: &Arc<Self>,
        db: &Write<'_>,
        principal: &Principal,
        new: NewCall,
    ) -> Result<Result<Initiated, Error>, Error> {
        let Some(rate) = self.shared_initiate_rate() else {
            return self.initiate(db, principal, new).map(Ok);
        };
        let user = &principal.user;
        let until = rate.next_arrival(db.paced_until(user)?, self.clock.now());
        db.set_paced_until(user, until.map_err(|wait| Error::TooManyCalls { wait })?)?;
        match self.initiate(db, principal, new) {
            // Nothing else was written.
            Err(
                refused @ (Error::UserNotFound(_)
                | Error::Refused(_)
                | Error::CallerBusy { .. }
                | Error::KeyReused),
            ) => Ok(Err(refused)),
            initiated => initiated.map(Ok),
        }
    }
}

/// Returns the user `id` if there is one who may sign in: no one else can make or answer calls.
fn callable(party: Option<CallParty>, id: &UserId) -> Result<CallParty, Error> {
    party
        .filter(|party| party.user.standing == AccountStatus::Active)
        .ok_or_else(|| Error::UserNotFound(id.clone()))
}

fn request(id: Uuid, caller: User, new: NewCall) -> CallRequest {
    CallRequest {
        id: CallId::from_uuid(id),
        caller: caller.profile,
        callee: new.callee,
        call_type: new.call_type,
        channel: new.channel,
    }
}

/// Returns the result of the earlier request: `call` in its current state.
fn repeated(call: Call, refused: bool, new: &NewCall) -> Result<Initiated, Error> {
    let same =
        call.callee == new.callee && call.call_type == new.call_type && call.channel == new.channel;
    match (same, refused) {
        (false, _) => Err(Error::KeyReused),
        (true, true) => Ok(Initiated::RefusedAsBusy(call.callee)),
        (true, false) => Ok(Initiated::Made(call)),
    }
}

fn caller_busy(db: &Write<'_>, call: CallId, now: Timestamp) -> Result<Error, Error> {
    let call = db.call(call)?.ok_or(Error::CallNotFound)?;
    Ok(Error::CallerBusy {
        call: call.id,
        status: call.status(),
        age: now.since(call.created_at),
    })
}
