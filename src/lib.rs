//! Self-hosted call server in one file: users call each other, the server does the signalling and stores state and
//! history. Media flows elsewhere.
//!
//! # Layers: a module imports only modules below its own line
//!
//! `tests/it/layers.rs` checks it. A new arrow upwards is a change of the design.
//!
//! ```text
//! commands      cli             commands: parse, call the library, return an exit code (main.rs)
//!               app             assembly of the server: starts and stops its parts
//! delivery      http            REST: routes, catchers, CORS, access log
//!               ws              WebSocket: upgrade, session loop, close codes
//!               control         control socket, by which commands reach the running server
//!               docs            OpenAPI and AsyncAPI, built from the JSON shapes
//!               sweeper         wakes at the next deadline
//!               webhook         sends webhooks to the team's own backend
//!               guard           access control of REST and socket: token, origin, rate
//! application   service         use cases; only here rules, store and hub meet
//! adapters      auth            token to user and session
//!               ice             STUN and TURN servers for clients
//!               agora           tokens for channels of the media service
//!               logging         log format, filter and queue
//!               http_client     HTTP client of this server's own requests
//!               settings        settings: sources, checks, defaults
//!               store           SQL: the writer, the readers, a file per family of tables
//!               hub             connected sessions and their bounded queues
//!               wire            JSON shapes
//!               metrics         counters and gauges
//!               listener        accepts connections, bounded in time and memory
//!               reloadable      value that a reload of the settings replaces
//!               recent_map      bounded map of entries that were used recently
//!               random          random values and new ids
//!               regular_file    small file that a setting names
//!               tls_client      TLS of this server's own requests
//!               system_time     wall clock and monotonic clock of the machine
//!               sync            locks and atomics of the hub, replaced in interleaving tests
//! rules         api_key         API keys of the team's backend: form, digest, scopes; pure
//!               webhook_model   webhook events and deliveries, retry rules; pure
//!               call            rules of a call, pure (crates/kernel)
//!               user            users and sessions (crates/kernel)
//!               clock           timestamps and clocks (crates/kernel)
//! ```
//!
//! The load generator of the command `load-test` is the crate `crates/load-test`, which only `cli` uses. It knows a server by
//! its address.
//!
//! # What always holds
//! - One live call per user, in either role, by the primary key of the table `live`.
//! - Exactly one of accept, reject, end and timeout wins; nobody is notified of what did not happen.
//! - An answer or event is sent only after its change is committed and synced.
//! - Changes are published in the order of their commits.
//! - The algorithm of a token is its key's; no token reaches a log.

pub mod agora;
pub mod api_key;
pub mod app;
pub mod auth;
pub mod control;
pub mod docs;
pub mod guard;
pub mod http;
pub mod http_client;
pub mod hub;
pub mod ice;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod random;
mod recent_map;
pub mod regular_file;
pub mod reloadable;
pub mod service;
pub mod settings;
pub mod store;
pub mod sweeper;
mod sync;
pub mod system_time;
pub mod tls_client;
pub mod webhook;
pub mod webhook_model;
pub mod wire;
pub mod ws;

pub use chattrix_kernel::{call, clock, user};
