//! Call rules as pure functions, without database, network or clock.
//!
//! [`state`] has the states of a call, [`actor`] who acts on it, [`transition`] the transitions between states,
//! [`effect`] their effects, [`notice`] the notices to clients, [`history`] the history entries of its two
//! participants, [`quality`] and [`network`] the network quality, [`signal`] the signals between participants,
//! [`app`] the team's own messages, [`media`] who may join its channel, [`policy`] who may call whom, [`error`] the refusals of actions. Sections 3 and
//! 5 of the contract specify all of it.

pub mod actor;
pub mod app;
pub mod effect;
pub mod error;
pub mod history;
pub mod media;
pub mod network;
pub mod notice;
pub mod policy;
pub mod quality;
pub mod signal;
pub mod state;
pub mod transition;

#[cfg(test)]
mod tests;

pub use actor::{Actor, Cause, Principal, Source};
pub use app::{AppEvent, AppMessage};
pub use effect::{TimelineEntry, Transition};
pub use error::{Action, CallError};
pub use history::{
    Direction, Entries, EntryId, Filter, HistoryEntry, Outcome, PastCall, Period, Statistics,
};
pub use media::MediaRole;
pub use network::NetworkQuality;
pub use notice::{Audience, Event, KEPT_FOR, Lacking, Notice};
pub use policy::{CallPolicy, Relation};
pub use quality::{QualityReport, QualitySummary};
pub use signal::{MAX_SIGNAL_BYTES, Signal, SignalEvent};
pub use state::{Call, CallId, CallType, ChannelId, RejectReason, State, Status};
