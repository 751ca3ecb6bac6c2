//! The decoder of what the socket is told, and of the bodies of REST: whatever comes is understood or refused.
#![no_main]

use chattrix::wire::{message, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        for app_messages in [false, true] {
            match message::parse(text, app_messages) {
                Ok(understood) => assert!(understood.call_id().is_none_or(|id| id.len() <= text.len())),
                Err(refused) => assert!(!refused.message.is_empty()),
            }
        }
    }
    let _ = request::initiate(bytes);
    let _ = request::reject(bytes);
    let _ = request::end(bytes);
    let _ = request::status(bytes);
    let _ = request::quality(bytes);
});
