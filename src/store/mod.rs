//! The database: SQL, and only SQL.
//!
//! [`Store`] is what a running server holds: one `writer` and some `readers` of one file, which it
//! keeps other servers away from. [`Database`] is a plain connection for the command line. What can be read
//! stands on [`Read`], what can be written on [`Write`], a file per family of tables. This module knows
//! nothing of HTTP, sockets or JSON, and decides nothing.
//!
//! Every function that returns a `Result` fails with [`Error`] if SQLite fails, the file cannot be used, or a row
//! holds an impossible value. An `# Errors` section names only what a function adds to that.
#![expect(clippy::missing_errors_doc, reason = "said once above")]

mod api_keys;
mod api_replies;
mod audit;
mod availability;
mod backup;
mod call_counts;
mod calls;
mod check;
mod checkpointer;
mod clock_step;
mod connection_pool;
mod contact_lists;
mod copy;
mod database;
mod engine;
mod enum_codes;
mod error;
mod file_name;
mod history;
mod idempotency;
mod invitations;
mod listing;
mod live_calls;
mod location;
mod lock;
mod node;
mod pending_events;
#[cfg(test)]
mod plans;
mod post;
#[cfg(test)]
mod postgres_tests;
mod quality;
mod read;
mod readers;
mod retention;
mod roster;
mod schema;
mod schema_postgres;
mod server_store;
mod stats;
mod steps;
mod unreadable;
mod users;
mod webhook;
mod write;
mod write_health;
mod writer;

use write::OnCommit;

pub use api_replies::StoredReply;
pub use audit::AuditQuery;
pub use backup::{Progress, restore};
pub use call_counts::CallCount;
pub use database::{Database, Removal};
pub use error::Error;
pub use file_name::{beside, data_path};
pub use history::HistoryQuery;
pub use idempotency::Remembered;
pub use listing::CallFilter;
pub use live_calls::{Answered, CallParties, CallParty, GoneParticipant};
pub use location::{has_password, is_present, is_url, name_in_url};
pub use lock::Lock;
pub use node::{NodeInfo, PostReceiver, default_node_name};
pub use pending_events::PendingEvent;
pub use post::{NodeKey, Post};
pub use read::Read;
pub use retention::Forgotten;
pub use roster::SessionRow;
pub use server_store::{PostgresOptions, Store, Volume};
pub use stats::{Day, Stats, TableSize};
pub use users::{Account, Upsert};
pub use write::Write;
