//! Names of users as identity providers write them, made fit to be shown.

use crate::user::{is_deceptive, is_name};

/// Longest name, in characters, as [`is_name`] allows.
const MAX_NAME_CHARS: usize = 200;

/// Returns `text` as a name that can be shown: without control, invisible and direction-changing characters,
/// with single spaces, cut to 200 characters. Returns none if nothing is left.
pub(super) fn clean_name(text: &str) -> Option<String> {
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .filter(|c| !is_deceptive(*c))
        .collect();
    let words: Vec<_> = visible.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(MAX_NAME_CHARS).collect();
    Some(name.trim_end().to_owned()).filter(|name| is_name(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cleaned_and_cut() {
        let long = "é".repeat(300);
        for (given, name) in [
            ("Alice", Some("Alice")),
            ("  Alice \n\t Liddell ", Some("Alice Liddell")),
            ("\u{202e}ecilA\u{200b}", Some("ecilA")),
            ("\u{1b}[31mred", Some("[31mred")),
            ("", None),
            (" \u{200b}\n", None),
            ("Al\u{180e}i\u{3164}ce", Some("Alice")),
            ("م\u{200c}ن", Some("م\u{200c}ن")),
        ] {
            assert_eq!(clean_name(given).as_deref(), name, "{given:?}");
        }
        assert_eq!(clean_name(&long), Some("é".repeat(200)));
    }
}
