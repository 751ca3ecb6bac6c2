//! The course of a session, over a connection that is a queue.

#[path = "../../../src/ws/course.rs"]
mod course;
mod line;
pub mod scenes;
