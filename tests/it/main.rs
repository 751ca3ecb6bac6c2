//! The server as its clients meet it: a real server on its own port, its own database file, real
//! requests and real sockets. Written from the specification and the contract alone; a file for each
//! of their features.

mod accept;
mod active;
mod auth;
mod blocks;
mod busy;
mod cli_call;
mod cli_config;
mod cli_db;
mod contacts;
mod cors;
mod crash;
mod details;
mod docs;
mod end;
mod envelope;
mod examples;
mod faults;
mod health;
mod history;
mod history_model;
mod idempotency;
mod initiate;
mod kept_events;
mod life;
mod limits;
mod load;
mod load_test;
mod messages;
mod presence;
mod quality;
mod rate_limits;
mod reject;
mod restart;
mod retention;
mod ringing;
mod sessions;
mod signals;
mod simulation;
mod statistics;
mod status;
mod stop;
mod supervisor;
mod support;
mod timeouts;
