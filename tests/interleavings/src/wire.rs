//! Of the shapes, what a session is closed with.

#[path = "../../../src/wire/close.rs"]
mod close;

pub use close::Close;
