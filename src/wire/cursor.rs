//! Cursor of history pages: an opaque text that clients send back unchanged.

use uuid::Uuid;

use crate::call::CallId;

/// First character of the text: another format of cursors will have another one.
const VERSION: char = 'a';

/// Returns the cursor of the page that follows `call`.
pub(super) fn after(call: CallId) -> String {
    format!("{VERSION}{}", Uuid::from_bytes(*call.as_bytes()).simple())
}

/// Returns the call of the cursor `text`, or none if it is not a cursor.
pub(super) fn parse(text: &str) -> Option<CallId> {
    const HEX: usize = 32;
    let hex = text.strip_prefix(VERSION)?;
    (hex.len() == HEX)
        .then(|| Uuid::try_parse(hex).ok())?
        .map(CallId::from_uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_call() {
        let call = CallId::parse("0192f0c1-7a4b-7c3d-8e5f-0123456789ab").expect("a call id");
        let cursor = after(call);
        assert_eq!(parse(&cursor), Some(call));
        // It goes into a URL as it is.
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }

    #[test]
    fn what_is_no_cursor_is_not_read_as_one() {
        for bad in [
            "",
            "a",
            "0192f0c1-7a4b-7c3d-8e5f-0123456789ab",
            "0192f0c17a4b7c3d8e5f0123456789ab",
            "b0192f0c17a4b7c3d8e5f0123456789ab",
            "a0192f0c17a4b7c3d8e5f0123456789a",
            "a0192f0c17a4b7c3d8e5f0123456789abc",
            "a0192f0c17a4b7c3d8e5f0123456789ag",
            "aé192f0c17a4b7c3d8e5f0123456789a",
        ] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }
}
