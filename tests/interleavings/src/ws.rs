//! Event loop of a session, over a connection that is a queue.

mod connection;
pub mod delivery;
#[path = "../../../src/ws/event_loop.rs"]
mod event_loop;
pub mod scenes;
