//! Delivery of events over networks that go silent: contract section 4, "Delivery is confirmed".

mod device;
mod expected;
mod outage;
mod relay;
mod silent_peer;
mod storm;
