//! Index of answered calls by channel: a request to join a channel does not need to scan all live calls.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;

use crate::call::{Call, CallId, ChannelId, Status};
use crate::clock::Timestamp;
use crate::store::Answered;

/// Channels of all answered live calls, the first answered first: clients name the channels, so several calls may use
/// the same one.
///
/// Updated after each commit, in the order of the commits, and before the participants are notified of an answer. So it
/// is never ahead of the database, and never behind what a client has been sent.
#[derive(Default)]
pub(super) struct Channels(Mutex<HashMap<ChannelId, BTreeSet<(Timestamp, CallId)>>>);

/// Update of the index for a call.
pub(super) enum ChannelUpdate {
    /// The call was answered.
    In(Answered),
    /// The call is over.
    Out(Answered),
}

impl ChannelUpdate {
    /// Returns the update for a call that was `answered` and has the status `status` now.
    pub const fn new(answered: Answered, status: Status) -> Self {
        if status.is_live() {
            Self::In(answered)
        } else {
            Self::Out(answered)
        }
    }

    /// Returns the update for `call`; none if the call was not answered.
    pub fn of(call: &Call) -> Option<Self> {
        let answered = Answered {
            channel: call.channel.clone(),
            at: call.state.started_at()?,
            call: call.id,
        };
        Some(Self::new(answered, call.status()))
    }

    /// Returns the call.
    pub const fn answered(&self) -> &Answered {
        match self {
            Self::In(answered) | Self::Out(answered) => answered,
        }
    }
}

impl Channels {
    /// Applies a committed update. A call that is in the index already stays.
    pub fn apply(&self, update: ChannelUpdate) {
        let mut channels = self.0.lock();
        match update {
            ChannelUpdate::In(Answered { channel, at, call }) => {
                channels.entry(channel).or_default().insert((at, call));
            }
            ChannelUpdate::Out(Answered { channel, at, call }) => {
                if let Some(calls) = channels.get_mut(&channel) {
                    calls.remove(&(at, call));
                    if calls.is_empty() {
                        channels.remove(&channel);
                    }
                }
            }
        }
    }

    /// Returns when the first of the calls on `channel` was answered, without the call `but`; none if there is no such
    /// call.
    pub fn claimed_at(&self, channel: &ChannelId, but: CallId) -> Option<Timestamp> {
        let channels = self.0.lock();
        let mut calls = channels.get(channel)?.iter();
        calls.find(|(_, call)| *call != but).map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(name: &str) -> ChannelId {
        ChannelId::parse(name).expect("a channel")
    }

    fn answered(name: &str, ms: i64) -> Answered {
        let at = Timestamp::from_millis(ms);
        Answered {
            channel: channel(name),
            at,
            call: CallId::first_at(at),
        }
    }

    #[test]
    fn channel_belongs_to_the_first_answered_call() {
        let channels = Channels::default();
        let [early, late, elsewhere] =
            [("media", 1), ("media", 2), ("other", 0)].map(|(name, at)| answered(name, at));
        let claimed_at = |but: &Answered| channels.claimed_at(&channel("media"), but.call);
        for told in [&late, &early, &early, &elsewhere] {
            channels.apply(ChannelUpdate::In(told.clone()));
        }
        assert_eq!(claimed_at(&late), Some(early.at));
        assert_eq!(claimed_at(&early), Some(late.at));
        channels.apply(ChannelUpdate::Out(early));
        assert_eq!(claimed_at(&late), None);
        channels.apply(ChannelUpdate::Out(late.clone()));
        channels.apply(ChannelUpdate::Out(late));
        channels.apply(ChannelUpdate::Out(elsewhere));
        assert!(channels.0.lock().is_empty(), "what is over leaves nothing");
    }
}
