//! Cursor of history pages: an opaque text that clients send back unchanged.

use uuid::Uuid;

use crate::call::CallId;
use crate::user::UserId;

/// First character of the text: another format of cursors will have another one.
const VERSION: char = 'a';

/// Returns the cursor of the page that follows `call`.
#[must_use]
pub fn after(call: CallId) -> String {
    format!("{VERSION}{}", Uuid::from_bytes(*call.as_bytes()).simple())
}

/// Returns the call of the cursor `text`, or none if it is not a cursor.
#[must_use]
pub fn parse(text: &str) -> Option<CallId> {
    const HEX: usize = 32;
    let hex = text.strip_prefix(VERSION)?;
    (hex.len() == HEX)
        .then(|| Uuid::try_parse(hex).ok())?
        .map(CallId::from_uuid)
}

/// What the cursor of a page of users begins with.
const OF_USERS: char = 'u';

/// Returns the cursor for what comes after the user `id`: its bytes as hexadecimal digits.
#[must_use]
pub fn after_user(id: &UserId) -> String {
    let digits = id.as_str().bytes().map(|byte| format!("{byte:02x}"));
    format!("{OF_USERS}{}", digits.collect::<String>())
}

/// Returns the user that the cursor `text` comes after, or none if it is no cursor.
#[must_use]
pub fn parse_user(text: &str) -> Option<UserId> {
    let hex = text.strip_prefix(OF_USERS)?;
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
    let id = String::from_utf8(bytes).ok().filter(|_| rest.is_empty())?;
    UserId::parse(&id)
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
    fn cursor_of_users_leads_back_to_its_user() {
        let user = UserId::parse("a/b?c=%20&é".trim_end_matches('é')).expect("an id");
        let cursor = after_user(&user);
        assert_eq!(parse_user(&cursor), Some(user));
        assert!(cursor.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        for bad in ["", "u", "u6", "u6g", "u20", "6162", "ué"] {
            assert_eq!(parse_user(bad), None, "{bad:?}");
        }
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
