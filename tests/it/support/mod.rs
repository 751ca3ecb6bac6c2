//! Support of the tests: a server that stops on drop, clients that check every answer and message against the documented
//! shapes, fixtures of users and calls, and a model of a call's life.

mod answer;
mod api;
mod beyond;
mod call_fixture;
mod cli;
mod cluster;
mod commit_cutter;
mod database;
pub mod document;
mod identity_provider;
pub mod model;
mod process;
mod proxy;
mod raw;
mod receiver;
mod relay;
mod server;
mod service;
mod shape;
mod socket;
mod token;
mod trace;
mod users;
mod wait;

pub use answer::Answer;
pub use api::{Api, http_client, initiate_body};
pub use call_fixture::{CallFixture, another_call_id, call_in};
pub use cli::{Cli, Done};
pub use cluster::Cluster;
pub use commit_cutter::{CommitCutter, Cut};
pub use database::TestDatabase;
pub use identity_provider::{IdentityProvider, Page, SigningKey};
pub use process::{Process, free_port, make_database, rounds, serve};
pub use proxy::proxy;
pub use raw::{Opcode, RawSocket};
pub use receiver::{Message, Receiver, Reply, WEBHOOK_SECRET, receiver_certificate};
pub use relay::Relay;
pub use server::{Address, Plan, TestServer, make_api_key, wall_clock_hand};
pub use service::ServiceFixture;
pub use shape::assert_error;
pub use socket::Socket;
pub use token::{SECRET, Token};
pub use trace::{UNSPEAKABLE, warnings};
pub use users::{Device, Users};
pub use wait::{SHORT, eventually, within};
