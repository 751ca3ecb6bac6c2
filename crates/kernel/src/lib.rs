//! Domain rules of Chattrix Calls: call states and transitions, users and sessions, timestamps.
//!
//! The crate has no database, network, JSON or async runtime. The server re-exports its modules, so that
//! `crate::call` in the server is [`call`] here.

pub mod call;
pub mod clock;
pub mod user;
