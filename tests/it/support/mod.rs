//! What the tests stand on: a server that stops on drop, clients that check every answer and every
//! message against the documented shapes, and the calls and people most tests begin with.

mod answer;
mod api;
mod beyond;
mod cast;
mod cli;
pub mod document;
pub mod model;
mod process;
mod raw;
mod receiver;
mod scene;
mod server;
mod service;
mod shape;
mod socket;
mod token;
mod trace;
mod wait;

pub use answer::Answer;
pub use api::{Api, initiate_body};
pub use cast::{Cast, Device};
pub use cli::{Cli, Done};
pub use process::{Process, free_port, make_database, rounds, serve};
pub use raw::{Opcode, RawSocket};
pub use receiver::{Message, Receiver, Reply, WEBHOOK_SECRET};
pub use scene::{Scene, another_call_id};
pub use server::{Address, Plan, TestServer, wall_clock_hand};
pub use service::ServiceFixture;
pub use shape::assert_error;
pub use socket::Socket;
pub use token::{SECRET, Token};
pub use trace::{UNSPEAKABLE, warnings};
pub use wait::{SHORT, eventually, within};
