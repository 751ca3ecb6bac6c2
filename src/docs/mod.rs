//! The interface described, for programs and for people: [`fn@openapi`] for REST, [`fn@asyncapi`] for the socket.
//!
//! Both are made of what the server itself runs on: the shapes and limits of [`crate::wire`], the refusals of
//! [`crate::guard`], the close codes. The examples are written by the code that writes the answers; tests send
//! them to a running server and compare what comes back.

mod asyncapi;
mod example;
mod messages;
mod openapi;
mod refusal;
mod rest;
mod schemas;
mod webhooks;

pub use asyncapi::asyncapi;
pub use openapi::openapi;
