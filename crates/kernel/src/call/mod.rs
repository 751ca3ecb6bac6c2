//! The rules of a call, pure: no database, no network, no clock.
//!
//! [`state`] says what a call can be, [`actor`] who acts on it, [`transition`] how it gets from one state to
//! the next, [`effect`] what follows from that, [`notice`] what clients are sent, [`history`] what is
//! remembered for its two participants, [`quality`] and [`network`] how well the network carries it, [`signal`]
//! what they say to each other about their media, [`media`] who may join its channel, [`policy`] who may call
//! whom, [`error`] why an action is refused. The source of all of it is sections 3 and 5 of the contract.

pub mod actor;
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
pub use effect::{TimelineEntry, Transition};
pub use error::{Action, CallError};
pub use history::{
    Direction, Entries, EntryId, Filter, HistoryEntry, Outcome, PastCall, Period, Statistics,
};
pub use media::MediaRole;
pub use network::NetworkQuality;
pub use notice::{Audience, Event, Lacking, Notice};
pub use policy::{CallPolicy, Relation};
pub use quality::{QualityReport, QualitySummary};
pub use signal::{MAX_SIGNAL_BYTES, Signal, SignalEvent};
pub use state::{Call, CallId, CallType, ChannelId, RejectReason, State, Status};
