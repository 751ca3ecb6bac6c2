//! The tables of webhooks: who is told (`receivers`), what (`outbox`), and how that went (`log`).

mod log;
mod outbox;
mod receivers;

pub(super) use outbox::delivery;
