//! JSON of clients as values.

use std::collections::HashMap;

use serde_json::value::RawValue;
use serde_json::{Error, Value};

/// Maximum nesting, as `serde_json` itself has it.
const DEPTH: usize = 127;

/// Parses JSON. A number that no `f64` holds, such as `1e400`, is valid by the grammar (RFC 8259, section 6): it is read
/// as null, since no field has such a value.
pub(super) fn parse(json: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(json).or_else(|error| {
        if !error.to_string().starts_with("number out of range") {
            return Err(error);
        }
        value(serde_json::from_slice(json)?, DEPTH).ok_or(error)
    })
}

/// Returns the value of `raw`; none if it is nested deeper than `depth`.
fn value(raw: &RawValue, depth: usize) -> Option<Value> {
    let json = raw.get();
    let depth = depth.checked_sub(1)?;
    match json.as_bytes().first() {
        Some(b'{') => {
            let fields: HashMap<String, &RawValue> = serde_json::from_str(json).ok()?;
            let fields = fields.into_iter();
            fields
                .map(|(name, raw)| Some((name, value(raw, depth)?)))
                .collect()
        }
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
            items.into_iter().map(|raw| value(raw, depth)).collect()
        }
        _ => Some(serde_json::from_str(json).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn number_out_of_range_is_null() {
        let json = br#"{"a": [1, -1e999, {"b": 1e400}], "c": "d"}"#;
        let expected = json!({"a": [1, null, {"b": null}], "c": "d"});
        assert_eq!(parse(json).expect("valid"), expected);
    }

    #[test]
    fn other_errors_remain() {
        let deep = format!("{}1e400{}", "[".repeat(100_000), "]".repeat(100_000));
        for wrong in [
            "{\"a\":1e400",
            "{\"a\":1e400} x",
            "[1e400,]",
            "\"\\ud800\"",
            &deep,
        ] {
            assert!(parse(wrong.as_bytes()).is_err());
        }
    }
}
