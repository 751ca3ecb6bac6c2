//! A self-hosted call server in one file: users call each other, we do the signalling, its state and its
//! history; media flows elsewhere.
//!
//! # Map: arrows point down only
//!
//! ```text
//! 4 root        main.rs, cli/          commands: parse, call the library, return an exit code
//!               app                    the parts put together
//!               settings, logging      what an administrator sets; what the log may say
//! 3 delivery    http                   REST: routes, catchers, CORS, access log
//!               ws                     the socket: upgrade, session loop, close codes
//!               sweeper                wakes at the next deadline
//!               webhook                tells the team's own backend, which may push to phones
//!               control                the socket by which commands reach the running server
//!               docs                   OpenAPI and AsyncAPI, made of the shapes themselves
//!               access                   who comes in, to REST and socket alike: token, origin, rate
//! 2 application service                one method per use case; rules, store and hub meet here alone
//! 1 adapters    store                  SQL: the writer, the readers, a file per family of tables
//!               hub                    who is connected; bounded queues (its locks: sync)
//!               auth                   token ↔ user and session
//!               ice                    the servers that help clients to find a way to each other
//!               wire                   every JSON shape
//!               metrics                what is counted and measured
//!               agora                  tokens for the channels of media
//! 0 kernel      call, user, clock      the rules of a call, pure
//!               announcement           what receivers of webhooks are told, and how often
//! ```
//!
//! # What always holds
//! - One live call per user, in either role, by the primary key of the table `live`.
//! - Exactly one of accept, reject, end and timeout wins; what did not happen is told to nobody.
//! - An answer or event is sent only after its change is committed and synced.
//! - Everybody hears of changes in the order of their commits.
//! - The algorithm of a token comes from the settings; no token reaches a log.

pub mod agora;
pub mod app;
pub mod auth;
pub mod control;
pub mod docs;
pub mod guard;
pub mod http;
pub mod hub;
pub mod ice;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod random;
pub mod service;
pub mod settings;
pub mod store;
pub mod sweeper;
mod sync;
pub mod system_time;
pub mod webhook;
pub mod webhook_model;
pub mod wire;
pub mod ws;

pub use chattrix_kernel::{call, clock, user};
