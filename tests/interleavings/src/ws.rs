//! Event loop of a session, over a connection that is a queue.

#[path = "../../../src/ws/event_loop.rs"]
mod event_loop;
mod connection;
pub mod scenes;
