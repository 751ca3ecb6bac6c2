//! Event loop of a session, over a connection that is a queue.

mod connection;
#[path = "../../../src/ws/event_loop.rs"]
mod event_loop;
pub mod scenes;
